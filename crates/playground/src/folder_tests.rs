use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 999_000_000).unwrap()
}

fn with(keys: &[&str]) -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    folder.create_bucket("bucket").unwrap();
    for key in keys {
        folder.put("bucket", key, key.as_bytes(), at(7)).unwrap();
    }
    (dir, folder)
}

/// All pages of a listing, `most` entries each.
fn all(folder: &Folder, prefix: &str, delimiter: Option<&str>, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = folder.list("bucket", prefix, delimiter, after.as_ref(), most).unwrap();
        assert!(page.objects.len() + page.prefixes.len() <= most);
        found.extend(page.objects.into_iter().map(|(key, _)| key));
        found.extend(page.prefixes.into_iter().map(|prefix| format!("{prefix}>")));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    found.sort();
    found
}

#[track_caller]
fn check(keys: &[&str], prefix: &str, delimiter: Option<&str>, expected: Expect) {
    let (_dir, folder) = with(keys);
    let whole = all(&folder, prefix, delimiter, 1000);
    for most in [1, 2, 3] {
        assert_eq!(all(&folder, prefix, delimiter, most), whole, "pages of {most}");
    }
    expected.assert_eq(&whole.join(" | "));
}

const KEYS: [&str; 12] = ["a", "a/", "a//b", "a/../c", "a/x", "a/y/1", "a/y/2", "a0", " ", "..", "日/本", "z/"];

#[test]
fn listings_group_by_the_delimiter_and_pages_lose_nothing() {
    check(&KEYS, "", Some("/"), expect![[r#"  | .. | a | a/> | a0 | z/> | 日/>"#]]);
    check(&KEYS, "a/", Some("/"), expect![[r#"a/ | a/../> | a//> | a/x | a/y/>"#]]);
    check(&KEYS, "a/y", None, expect![[r#"a/y/1 | a/y/2"#]]);
    check(&KEYS, "nothing", Some("/"), expect![[""]]);
    check(&KEYS, "", Some("/y/"), expect![[r#"  | .. | a | a/ | a/../c | a//b | a/x | a/y/> | a0 | z/ | 日/本"#]]);
}

#[test]
fn objects_outlive_the_process_with_their_odd_keys() {
    let (dir, folder) = with(&KEYS);
    folder.delete("bucket", "a0").unwrap();
    folder.put("bucket", "a/x", b"newer", at(9)).unwrap();
    drop(folder.draft("bucket").unwrap());
    let before = all(&folder, "", None, 1000);
    drop(folder);
    // What a process leaves when it is killed in mid write: a cut line, and content that no line names.
    let mut journal = OpenOptions::new().append(true).open(dir.path().join("bucket/journal")).unwrap();
    journal.write_all(b"{\"put\":[\"torn\",{\"si").unwrap();
    fs::write(dir.path().join("bucket/content/orphan"), b"x").unwrap();
    for _ in 0..2 {
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(all(&folder, "", None, 1000), before);
        assert_eq!(folder.stat("bucket", "a/x").unwrap().size, 5);
        assert_eq!(folder.stat("bucket", "a/x").unwrap().modified, 9);
        folder.put("bucket", "a/x", b"newer", at(9)).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("bucket/content")).unwrap().count(), before.len());
    }
}

#[test]
fn a_reader_keeps_what_it_opened() {
    let (_dir, folder) = with(&["k"]);
    let (_, mut file) = folder.get("bucket", "k").unwrap();
    folder.put("bucket", "k", b"changed", at(8)).unwrap();
    let mut text = String::new();
    io::Read::read_to_string(&mut file, &mut text).unwrap();
    assert_eq!(text, "k");
}

#[test]
fn conditions_are_judged_where_the_change_is_made() {
    let (_dir, folder) = with(&["k"]);
    let etag = folder.stat("bucket", "k").unwrap().etag;
    let put = |key: &str, condition: Condition| {
        let draft = folder.draft("bucket").unwrap();
        folder.commit("bucket", key, draft, "e".into(), Headers::default(), &condition, at(8)).map(|_| ())
    };
    assert!(matches!(put("k", Condition::Absent), Err(Failure::Condition)));
    assert!(matches!(put("k", Condition::Etag("other".into())), Err(Failure::Condition)));
    assert!(matches!(put("new", Condition::Etag("e".into())), Err(Failure::NoKey)));
    assert!(matches!(put("new", Condition::Present), Err(Failure::NoKey)));
    put("k", Condition::Etag(etag)).unwrap();
    put("k", Condition::Present).unwrap();
    put("new", Condition::Absent).unwrap();
}

#[test]
fn a_copy_is_its_own_object() {
    let (_dir, folder) = with(&["k"]);
    folder.copy(("bucket", "k"), ("bucket", "l"), None, &Condition::None, at(9)).unwrap();
    folder.delete("bucket", "k").unwrap();
    let (stored, mut file) = folder.get("bucket", "l").unwrap();
    let mut text = String::new();
    io::Read::read_to_string(&mut file, &mut text).unwrap();
    assert_eq!((text.as_str(), stored.modified), ("k", 9));
}

#[test]
fn buckets_are_removed_only_when_empty() {
    let (_dir, folder) = with(&["k"]);
    assert!(matches!(folder.delete_bucket("bucket"), Err(Failure::BucketNotEmpty)));
    assert!(matches!(folder.create_bucket("bucket"), Err(Failure::BucketExists)));
    folder.delete("bucket", "k").unwrap();
    folder.delete("bucket", "k").unwrap();
    folder.delete_bucket("bucket").unwrap();
    assert!(matches!(folder.put("bucket", "k", b"", at(1)), Err(Failure::NoBucket)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_page_size_lists_the_same(keys in proptest::collection::btree_set("[a/b]{1,5}", 1..20), most in 1usize..5, prefix in "[a/]{0,2}") {
        let objects: BTreeMap<String, Stored> = keys.into_iter().map(|key| {
            let stored = Stored { size: 0, etag: String::new(), modified: 0, headers: Headers::default(), file: String::new() };
            (key, stored)
        }).collect();
        for delimiter in [None, Some("/")] {
            let whole = page(&objects, &prefix, delimiter, None, 1000);
            let (mut keys, mut prefixes, mut after) = (Vec::new(), Vec::new(), None);
            loop {
                let part = page(&objects, &prefix, delimiter, after.as_ref(), most);
                keys.extend(part.objects);
                prefixes.extend(part.prefixes);
                match part.next { Some(next) => after = Some(next), None => break }
            }
            prop_assert_eq!(&keys, &whole.objects);
            prop_assert_eq!(&prefixes, &whole.prefixes);
        }
    }
}
