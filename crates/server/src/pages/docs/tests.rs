//! Every page that the table of contents names is there, and every link among pages leads somewhere.

use super::*;
use std::collections::BTreeSet;

/// Values of an attribute in a text.
fn values<'a>(text: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    text.split(mark.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_page_of_the_table_of_contents_exists_and_every_source_is_in_it() {
    let parts = parts();
    let chapters: Vec<&Chapter> = parts.iter().flat_map(|part| &part.chapters).collect();
    assert!(chapters.len() >= 10, "{chapters:?}");
    for chapter in &chapters {
        let made = ["api.html", "errors.html"].contains(&chapter.place.as_str());
        let text = source(&chapter.place);
        assert!(made || text.is_some_and(|text| text.contains("# ")), "{} is named and is not there", chapter.place);
    }
    let named: BTreeSet<&str> = chapters.iter().map(|chapter| chapter.place.as_str()).collect();
    for file in Book::iter().filter(|file| file.ends_with(".md") && file != "SUMMARY.md") {
        assert!(named.contains(file.as_ref()), "{file} is not in the table of contents");
    }
}

#[test]
fn every_link_and_anchor_resolves() {
    let pages = rendered();
    let ids: BTreeMap<&str, BTreeSet<&str>> =
        pages.iter().map(|(path, text)| (path.as_str(), values(text, "id").into_iter().collect())).collect();
    let mut wrong = Vec::new();
    for (path, text) in &pages {
        for link in values(text, "href").into_iter().chain(values(text, "src")) {
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let target = match file {
                "" => path.as_str(),
                "/docs/" => "index.html",
                "/docs/style.css" | "/openapi.json" | "/ui/" | "data:," => continue,
                file if file.starts_with("https://") => continue,
                file => file.strip_prefix("/docs/").unwrap_or("a relative link"),
            };
            let there = ids.get(target).is_some_and(|ids| anchor.is_none_or(|anchor| ids.contains(anchor)));
            if !there && picture(target).is_none() {
                wrong.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn ids_stand_once_on_a_page_and_each_page_has_one_title_and_one_first_heading() {
    let mut titles = BTreeSet::new();
    for (path, text) in rendered().iter().filter(|(path, _)| *path != "index.html") {
        let ids = values(text, "id");
        let mut once = BTreeSet::new();
        let twice: Vec<&&str> = ids.iter().filter(|id| !once.insert(**id)).collect();
        assert!(twice.is_empty(), "{path}: {twice:?}");
        assert_eq!(text.matches("<h1").count(), 1, "{path}");
        let title = text.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap();
        assert!(titles.insert(title.to_string()), "{title} stands on two pages");
        assert!(!text.contains("<script") && !text.contains(" style="), "{path}: the policy forbids it");
    }
}

#[test]
fn every_error_code_has_its_anchor_and_every_operation_its_place() {
    let pages = rendered();
    for code in forebay_model::code::ALL {
        assert!(pages["errors.html"].contains(&format!("id=\"{}\"", code.id)), "{}", code.id);
    }
    let document = forebay_api::openapi();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(pages["api.html"].contains(&format!("<h3 id=\"{id}\">")), "{id}");
        }
    }
}

#[test]
fn a_page_that_is_not_there_is_not_found() {
    let docs = Docs::new();
    let nonce = String::new;
    let status = |path: &str| {
        let page = docs.page(&Asked { path, query: None, encodings: "", nonce: &nonce });
        assert!(page.headers.iter().any(|(name, _)| *name == "content-type"));
        page.status
    };
    for path in ["/docs/", "/docs/style.css", "/docs/start.html", "/docs/errors.html", "/docs/mapping.html"] {
        assert_eq!(status(path), 200, "{path}");
    }
    for path in ["/docs/nothing.html", "/docs/../Cargo.toml", "/docs/SUMMARY.md", "/docs/start.md"] {
        assert_eq!(status(path), 404, "{path}");
    }
}
