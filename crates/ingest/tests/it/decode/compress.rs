//! Compressed files and archives, and what is wrong with them.

use super::*;
use expect_test::expect;
use flate2::Compression as Level;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use forebay_model::files::Compression;
use std::io::Write as _;

const TEXT: &str = "id,n\n1,a\n2,b\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        if name.ends_with('/') {
            header.set_entry_type(::tar::EntryType::Directory);
        }
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip(members: &[(&str, &[u8])], options: ::zip::write::SimpleFileOptions) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        if name.ends_with('/') {
            writer.add_directory(name.trim_end_matches('/'), options).unwrap();
            continue;
        }
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn deflated() -> ::zip::write::SimpleFileOptions {
    ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Deflated)
}

#[track_caller]
fn check(key: &str, bytes: &[u8], compression: Option<Compression>, expected: Expect) {
    check_file(key, bytes, FileOptions { compression, ..delimited() }, "id n", expected);
}

#[track_caller]
fn reads(key: &str, bytes: &[u8], compression: Option<Compression>) {
    let options = FileOptions { compression, ..delimited() };
    for chunk in [1, 7, 64 << 10] {
        let (objects, object) = Memory::one(key, bytes.to_vec(), chunk);
        let spec = ScanSpec::new(options.clone(), vec![path("id"), path("n")]);
        let told = super::run(told(spec, objects, object));
        assert_eq!(told, format!("2 1 | a\n3 2 | b\nend: 2 records, {} bytes\n", bytes.len()));
    }
}

#[test]
fn every_compression_is_read() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Level::default());
    zlib.write_all(TEXT.as_bytes()).unwrap();
    reads("a.csv", &zlib.finish().unwrap(), Some(Compression::Deflate));
    let mut raw = DeflateEncoder::new(Vec::new(), Level::default());
    raw.write_all(TEXT.as_bytes()).unwrap();
    reads("a.csv", &raw.finish().unwrap(), Some(Compression::Deflate));
    let mut bzip2 = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    bzip2.write_all(TEXT.as_bytes()).unwrap();
    let bzip2 = bzip2.finish().unwrap();
    reads("a.csv", &bzip2, Some(Compression::Bzip2));
    reads("a.csv", &bzip2, None);
    reads("a.csv", &gzip(TEXT.as_bytes()), Some(Compression::Gzip));
}

#[test]
fn gzip_is_found_by_its_magic_bytes() {
    reads("a.csv", &gzip(TEXT.as_bytes()), None);
    reads("a.csv.gz", &gzip(TEXT.as_bytes()), None);
    reads("a.csv.gz", TEXT.as_bytes(), None);
}

#[test]
fn members_of_a_gzip_file_are_one_text() {
    reads("a", &[gzip(b"id,n\n1"), gzip(b""), gzip(b",a\n2,b\n")].concat(), Some(Compression::Gzip));
    let mut bzip2 = Vec::new();
    for piece in ["id,n\n1,", "a\n2,b\n"] {
        let mut encoder = ::bzip2::write::BzEncoder::new(bzip2, ::bzip2::Compression::fast());
        encoder.write_all(piece.as_bytes()).unwrap();
        bzip2 = encoder.finish().unwrap();
    }
    reads("a", &bzip2, Some(Compression::Bzip2));
}

#[test]
fn every_entry_of_an_archive_has_a_header_of_its_own() {
    let members: &[(&str, &[u8])] = &[
        ("in/", b""),
        ("in/a.csv", b"id,n\n1,a\n"),
        ("in/empty.csv", b""),
        ("in/b.csv", b"n,id\nb,2\nx\n"),
        ("__MACOSX/in/._a.csv", b"\0\x05"),
    ];
    let expected = expect![[r#"
        in/a.csv:2 1 | a
        in/b.csv:2 2 | b
        in/b.csv:3 REJECTED INGEST-1401-400: the record has 1 fields where the header has 2 "x"
        end: 3 records, 532 bytes
    "#]];
    check("d/a.zip", &zip(members, deflated()), Some(Compression::ZipDeflate), expected);
    let expected = expect![[r#"
        in/a.csv:2 1 | a
        in/b.csv:2 2 | b
        in/b.csv:3 REJECTED INGEST-1401-400: the record has 1 fields where the header has 2 "x"
        end: 3 records, 5120 bytes
    "#]];
    check("d/a.tar", &tar(members), Some(Compression::Tar), expected);
    let expected = expect![[r#"
        in/a.csv:2 1 | a
        in/b.csv:2 2 | b
        in/b.csv:3 REJECTED INGEST-1401-400: the record has 1 fields where the header has 2 "x"
        end: 3 records, 245 bytes
    "#]];
    check("d/a.tgz", &gzip(&tar(members)), Some(Compression::TarGzip), expected);
}

#[test]
fn archives_are_found_by_their_magic_bytes() {
    let members: &[(&str, &[u8])] = &[("a.csv", b"id,n\n1,a\n")];
    for bytes in [zip(members, deflated()), tar(members), gzip(&tar(members))] {
        let (objects, object) = Memory::one("d/a", bytes.clone(), 999);
        let spec = ScanSpec::new(delimited(), vec![path("id")]);
        let told = super::run(told(spec, objects, object));
        assert!(told.starts_with("a.csv:2 1\nend: 1 records, "), "{told}");
    }
}

#[test]
fn a_declared_compression_that_is_not_there_is_refused() {
    for compression in [Compression::Gzip, Compression::TarGzip, Compression::Bzip2, Compression::ZipDeflate] {
        let (objects, object) = Memory::one("a.csv", TEXT, 7);
        let options = FileOptions { compression: Some(compression), ..delimited() };
        let told = super::run(told(ScanSpec::new(options, vec![path("id")]), objects, object));
        assert!(
            told.starts_with("Invalid: INGEST-1401-400: a.csv is declared as ")
                && told.contains("but its first bytes are not"),
            "{told}"
        );
    }
    check(
        "a.csv",
        TEXT.as_bytes(),
        Some(Compression::Deflate),
        expect![[r#"
        Invalid: INGEST-1401-400: the deflate data of a.csv is corrupt, after 13 compressed bytes were read (at a.csv)
    "#]],
    );
    check(
        "a.csv",
        TEXT.as_bytes(),
        Some(Compression::Tar),
        expect![[r#"
        Invalid: INGEST-1401-400: the tar data of a.csv is corrupt, after 13 compressed bytes were read (at a.csv)
    "#]],
    );
}

#[test]
fn an_empty_object_is_an_empty_file_whatever_is_declared() {
    for compression in [
        Compression::Gzip,
        Compression::Bzip2,
        Compression::Deflate,
        Compression::ZipDeflate,
        Compression::Tar,
        Compression::TarGzip,
    ] {
        let (objects, object) = Memory::one("a.csv", "", 7);
        let options = FileOptions { compression: Some(compression), ..delimited() };
        let told = super::run(told(ScanSpec::new(options, vec![path("id")]), objects, object));
        assert_eq!(told, "end: 0 records, 0 bytes\n");
    }
}

/// Hardly compressible rows.
fn rows(count: u32) -> String {
    let mut text = "id,n\n".to_string();
    for row in 0..count {
        writeln!(text, "{row},{:x}", row.wrapping_mul(2_654_435_761)).unwrap();
    }
    text
}

#[test]
fn truncated_data_is_refused_with_the_place() {
    let whole = gzip(rows(1_000).as_bytes());
    check(
        "a.gz",
        &whole[..whole.len() / 2],
        Some(Compression::Gzip),
        expect![[r#"
        Invalid: INGEST-1401-400: the gzip data of a.gz ends too early, after 5969 compressed bytes were read (at a.gz)
    "#]],
    );
    check(
        "a.gz",
        &whole[..whole.len() - 3],
        Some(Compression::Gzip),
        expect![[r#"
        Invalid: INGEST-1401-400: the gzip data of a.gz ends too early, after 11936 compressed bytes were read (at a.gz)
    "#]],
    );
    check(
        "a.gz",
        &whole[..5],
        Some(Compression::Gzip),
        expect![[r#"
        Invalid: INGEST-1401-400: the gzip data of a.gz ends too early, after 5 compressed bytes were read (at a.gz)
    "#]],
    );
    let members: &[(&str, &[u8])] = &[("a.csv", b"id,n\n1,a\n")];
    let archive = tar(members);
    check(
        "a.tar",
        &archive[..515],
        Some(Compression::Tar),
        expect![[r#"
        Invalid: INGEST-1401-400: the tar data of a.tar ends too early, after 515 compressed bytes were read (at a.tar)
    "#]],
    );
    check(
        "a.tar",
        &archive[..300],
        Some(Compression::Tar),
        expect![[r#"
        Invalid: INGEST-1401-400: the tar data of a.tar is corrupt, after 300 compressed bytes were read (at a.tar)
    "#]],
    );
    let archive = zip(members, deflated());
    check(
        "a.zip",
        &archive[..archive.len() - 30],
        Some(Compression::ZipDeflate),
        expect![[r#"
        Invalid: INGEST-1401-400: the zipDeflate data of a.zip is corrupt, after 89 compressed bytes were read (at a.zip)
    "#]],
    );
}

#[test]
fn corrupt_data_is_refused_with_the_place() {
    let mut checksum = gzip(rows(1_000).as_bytes());
    let at = checksum.len() - 6;
    checksum[at] ^= 1;
    check(
        "a.gz",
        &checksum,
        Some(Compression::Gzip),
        expect![[r#"
        Invalid: INGEST-1401-400: the gzip data of a.gz is corrupt, after 11939 compressed bytes were read (at a.gz)
    "#]],
    );
    check(
        "a.gz",
        &[gzip(TEXT.as_bytes()), b"garbage".to_vec()].concat(),
        Some(Compression::Gzip),
        expect![[r#"
        Invalid: INGEST-1401-400: the gzip data of a.gz ends too early, after 40 compressed bytes were read (at a.gz)
    "#]],
    );
    let mut zlib = ZlibEncoder::new(Vec::new(), Level::default());
    zlib.write_all(TEXT.as_bytes()).unwrap();
    check(
        "a.z",
        &[zlib.finish().unwrap(), b"garbage".to_vec()].concat(),
        Some(Compression::Deflate),
        expect![[r#"
        Invalid: INGEST-1401-400: the deflate data of a.z is corrupt, after 28 compressed bytes were read (at a.z)
    "#]],
    );
    let mut archive = zip(
        &[("a.csv", TEXT.as_bytes())],
        ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored),
    );
    let at = archive.windows(3).position(|w| w == b"2,b").unwrap();
    archive[at] = b'3';
    check(
        "a.zip",
        &archive,
        Some(Compression::ZipDeflate),
        expect![[r#"
        Invalid: INGEST-1401-400: the zipDeflate data of a.zip is corrupt, after 121 compressed bytes were read (at a.zip)
    "#]],
    );
}

#[test]
fn a_bomb_is_refused() {
    let mut bzip2 = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::best());
    bzip2.write_all(&vec![b'x'; 32 << 20]).unwrap();
    check(
        "a.bz2",
        &bzip2.finish().unwrap(),
        Some(Compression::Bzip2),
        expect![[r#"
        TooLarge: INGEST-1401-400: a.bz2 grows more than 1000 times when it is decompressed (at a.bz2)
    "#]],
    );
    let many: Vec<(String, &[u8])> = (0..25_001).map(|at| (format!("{at}"), b"".as_slice())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let options = FileOptions { compression: Some(Compression::TarGzip), ..delimited() };
    for (bytes, compression) in
        [(gzip(&tar(&many)), Compression::TarGzip), (zip(&many, deflated()), Compression::ZipDeflate)]
    {
        let (objects, object) = Memory::one("a", bytes, 1 << 20);
        let options = FileOptions { compression: Some(compression), ..options.clone() };
        let told = super::run(told(ScanSpec::new(options, vec![]), objects, object));
        assert_eq!(told, "TooLarge: INGEST-1401-400: a has more than 25000 members (at a)\n");
    }
}
