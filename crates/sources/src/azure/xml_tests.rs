//! Documents of Azure, and documents that only look like them.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

#[track_caller]
fn check(body: &str, expected: Expect) {
    expected.assert_eq(&format!("{:?}", page(body.as_bytes())));
}

const PROPERTIES: &str = "<Properties><Creation-Time>Mon, 01 Jul 2024 00:00:00 GMT</Creation-Time>\
    <Last-Modified>Mon, 01 Jul 2024 00:00:00 GMT</Last-Modified><Etag>0x8DC</Etag><Content-Length>3</Content-Length>\
    <BlobType>BlockBlob</BlobType></Properties>";

#[test]
fn a_page_is_read_with_its_names_as_they_are() {
    check(
        &format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://a/\" ContainerName=\"c\">\
             <Prefix>in/</Prefix><Blobs><Blob><Name> a+b%20&lt;é </Name>{PROPERTIES}<Metadata /></Blob>\
             <BlobPrefix><Name>f/</Name></BlobPrefix><Blob><Name Encoded=\"true\">x%EF%BF%BEy%25</Name>{PROPERTIES}<OrMetadata/></Blob>\
             </Blobs><NextMarker>m&amp;1</NextMarker></EnumerationResults>"
        ),
        expect![[
            r#"Ok(Page { objects: [Object { bucket: "", key: " a+b%20<é ", size: 3, etag: "\"0x8DC\"", modified: 1719792000000 }, Object { bucket: "", key: "x\u{fffe}y%", size: 3, etag: "\"0x8DC\"", modified: 1719792000000 }], folders: ["f/"], next: Some("m&1") })"#
        ]],
    );
}

#[test]
fn folders_that_are_listed_as_blobs_are_not_files() {
    let directory = PROPERTIES.replace("<BlobType>", "<ResourceType>directory</ResourceType><BlobType>");
    let body = format!(
        "<EnumerationResults><Blobs><Blob><Name>a</Name>{directory}</Blob>\
         <Blob><Name>b</Name>{PROPERTIES}<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>\
         <Blob><Name>c</Name>{PROPERTIES}<Metadata><hdi_isfolder>false</hdi_isfolder></Metadata></Blob>\
         </Blobs><NextMarker/></EnumerationResults>"
    );
    let page = page(body.as_bytes()).unwrap();
    assert_eq!(page.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(page.next, None);
}

#[test]
fn an_empty_page_may_have_more_behind_it() {
    let body = b"<EnumerationResults><Blobs /><NextMarker>more</NextMarker></EnumerationResults>";
    assert_eq!(page(body).unwrap(), Page { next: Some("more".into()), ..Page::default() });
}

#[test]
fn documents_that_are_not_whole_or_not_pages_are_errors() {
    check("", expect![[r#"Err("the document is cut short")"#]]);
    check("<EnumerationResults><Blobs>", expect![[r#"Err("the document is cut short")"#]]);
    check("<html></html>", expect![[r#"Err("it is not the XML document that such a store answers with")"#]]);
    check(
        "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
        expect![[r#"Err("an entry lacks its name, size or time")"#]],
    );
}

#[test]
fn containers_are_read() {
    let body = b"<EnumerationResults><Containers><Container><Name>a</Name><Properties/></Container><Container><Name>$web</Name></Container>\
        </Containers><NextMarker>n</NextMarker></EnumerationResults>";
    assert_eq!(containers(body).unwrap(), (vec!["a".to_string(), "$web".to_string()], Some("n".to_string())));
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..600) {
        let _ = (page(&body), containers(&body));
        let whole = format!("<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">%ff</Name>{PROPERTIES}</Blob></Blobs></EnumerationResults>");
        let mut bytes = whole.into_bytes();
        let at = cut % bytes.len();
        bytes.splice(at..(at + body.len()).min(bytes.len()), body);
        let _ = page(&bytes);
    }
}
