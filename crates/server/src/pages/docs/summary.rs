//! The book's table of contents, `SUMMARY.md`: a heading for each part, a list of pages below it.

/// Pages that belong together.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// What they have in common; empty for the first ones.
    pub title: String,
    /// The pages.
    pub chapters: Vec<Chapter>,
}

/// A page.
#[derive(Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Its title.
    pub title: String,
    /// Where its source is, from the book's folder; the two pages that are made by the program have none.
    pub place: String,
    /// Where it is served, below `/docs/`.
    pub path: String,
}

/// Reads the table: `# Summary`, then `## Part` and `- [Title](place.md)`.
pub fn read(text: &str) -> Vec<Part> {
    let mut parts = vec![Part { title: String::new(), chapters: Vec::new() }];
    for line in text.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix("## ") {
            parts.push(Part { title: title.to_string(), chapters: Vec::new() });
        } else if let Some(chapter) = chapter(line)
            && let Some(part) = parts.last_mut()
        {
            part.chapters.push(chapter);
        }
    }
    parts.retain(|part| !part.chapters.is_empty());
    parts
}

fn chapter(line: &str) -> Option<Chapter> {
    let (title, place) = line.strip_prefix("- [")?.strip_suffix(')')?.split_once("](")?;
    Some(Chapter { title: title.to_string(), place: place.to_string(), path: path(place) })
}

/// Where a page is served: what lies beside the book as if it lay in it.
pub fn path(place: &str) -> String {
    let inside = place.trim_start_matches("../");
    match inside.strip_suffix(".md") {
        Some(name) => format!("{name}.html"),
        None => inside.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_pages_stand_in_their_order() {
        let read = read(
            "# Summary\n\n- [Start](start.md)\n\n## More\n\n- [A](a/b.md)\n- [Made](api.html)\n- [Up](../c.md)\nprose\n",
        );
        let told: Vec<(&str, Vec<(&str, &str)>)> = read
            .iter()
            .map(|part| {
                let chapters = part.chapters.iter().map(|c| (c.title.as_str(), c.path.as_str())).collect();
                (part.title.as_str(), chapters)
            })
            .collect();
        let expected = vec![
            ("", vec![("Start", "start.html")]),
            ("More", vec![("A", "a/b.html"), ("Made", "api.html"), ("Up", "c.html")]),
        ];
        assert_eq!(told, expected);
    }
}
