//! Documents of S3, and documents that only look like them.

use super::*;
use crate::files::{Told, told as error};
use expect_test::{Expect, expect};
use proptest::prelude::*;

#[track_caller]
fn check(body: &str, expected: Expect) {
    expected.assert_eq(&format!("{:?}", page(body.as_bytes())));
}

const ENTRY: &str = "<LastModified>2024-07-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size>";

#[test]
fn a_page_is_read_with_its_keys_as_they_are() {
    check(
        &format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>b</Name><Prefix/><IsTruncated>true</IsTruncated><Contents><Key> a&lt;&#233;&#x41; </Key>{ENTRY}</Contents>\
             <CommonPrefixes><Prefix>f/</Prefix></CommonPrefixes><Contents><Key>z+%41</Key>{ENTRY}<Owner><ID>i</ID></Owner></Contents>\
             <NextContinuationToken>t&amp;1</NextContinuationToken></ListBucketResult>"
        ),
        expect![[
            r#"Ok(Page { objects: [Object { bucket: "", key: " a<éA ", size: 3, etag: "\"e\"", modified: 1719792000000 }, Object { bucket: "", key: "z+%41", size: 3, etag: "\"e\"", modified: 1719792000000 }], folders: ["f/"], next: Some("t&1") })"#
        ]],
    );
}

#[test]
fn encoded_keys_are_decoded_as_forms_are() {
    let body = format!(
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a+b%2B%25/%E6%97%A5%01</Key>{ENTRY}</Contents>\
         <CommonPrefixes><Prefix>x+y/</Prefix></CommonPrefixes></ListBucketResult>"
    );
    let page = page(body.as_bytes()).unwrap();
    assert_eq!((page.objects[0].key.as_str(), page.folders[0].as_str()), ("a b+%/日\u{1}", "x y/"));
}

#[test]
fn documents_that_are_not_whole_or_not_pages_are_errors() {
    check("", expect![[r#"Err("the document is cut short")"#]]);
    check("<ListBucketResult><Contents>", expect![[r#"Err("the document is cut short")"#]]);
    check(
        "<html><body>hello</body></html>",
        expect![[r#"Err("it is not the XML document that such a store answers with")"#]],
    );
    check("{\"a\":1}", expect![[r#"Err("the document is cut short")"#]]);
    check(
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        expect![[r#"Err("it says that there is more and not where")"#]],
    );
    check(
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        expect![[r#"Err("an entry lacks its key, size or time")"#]],
    );
}

#[test]
fn a_token_without_more_to_come_is_not_followed() {
    let body = "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    assert_eq!(page(body.as_bytes()).unwrap().next, None);
}

#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><ListBucketResult><Name>&a;</Name></ListBucketResult>";
    assert!(page(bomb.as_bytes()).is_err());
}

#[test]
fn errors_and_buckets_are_read() {
    let told = error(b"<Error><Code>NoSuchKey</Code><Message>m</Message><Region>r</Region></Error>");
    assert_eq!(told, Told { code: "NoSuchKey".into(), message: "m".into(), region: "r".into(), ..Told::default() });
    assert_eq!(error(b"<Error><Code>SlowDown</Code><Mess").code, "SlowDown");
    assert_eq!(error(b"<html>"), Told::default());
    let body = b"<ListAllMyBucketsResult><Owner><ID>i</ID></Owner><Buckets><Bucket><Name>a</Name></Bucket><Bucket><Name>b</Name></Bucket></Buckets></ListAllMyBucketsResult>";
    assert_eq!(buckets(body).unwrap(), (vec!["a".to_string(), "b".to_string()], None));
}

#[test]
fn etags_without_quotes_get_them() {
    assert_eq!((quoted("e").as_str(), quoted("\"e\"").as_str(), quoted("").as_str()), ("\"e\"", "\"e\"", ""));
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..600) {
        let _ = (page(&body), buckets(&body), error(&body));
        let whole = format!("<ListBucketResult><Contents><Key>k</Key>{ENTRY}</Contents></ListBucketResult>");
        let mut bytes = whole.into_bytes();
        let at = cut % bytes.len();
        bytes.splice(at..(at + body.len()).min(bytes.len()), body);
        let _ = page(&bytes);
    }
}
