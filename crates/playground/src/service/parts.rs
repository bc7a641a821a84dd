//! Uploads in parts, on the wire.

use super::wire::{condition, etag, failed, headers, instant, now};
use super::{Service, body};
use crate::folder::{Failure, hex};
use crate::upload::Unjoined;
use s3s::dto::*;
use s3s::{S3Error, S3Result, s3_error};

pub(super) async fn create(service: &Service, input: CreateMultipartUploadInput) -> S3Result<CreateMultipartUploadOutput> {
    service.bucket(&input.bucket)?;
    let headers = headers(input.content_type, input.content_encoding, input.cache_control, input.metadata);
    let id = service.uploads.create(&input.bucket, &input.key, headers).map_err(|e| failed(Failure::Io(e)))?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        ..CreateMultipartUploadOutput::default()
    })
}

pub(super) async fn upload(service: &Service, input: UploadPartInput) -> S3Result<UploadPartOutput> {
    if !(1..=10_000).contains(&input.part_number) {
        return Err(s3_error!(InvalidArgument, "Part numbers are from 1 to 10000."));
    }
    if !service.uploads.exists(&input.upload_id, &input.bucket, &input.key) {
        return Err(no_upload());
    }
    let draft = service.folder.draft(&input.bucket).map_err(failed)?;
    let draft = body::receive(draft, input.body, input.content_md5.as_deref()).await?;
    let md5 = hex(&draft.md5());
    let added = service.uploads.add(&input.upload_id, input.part_number, draft, now());
    if !added.map_err(|e| failed(Failure::Io(e)))? {
        return Err(no_upload());
    }
    Ok(UploadPartOutput { e_tag: Some(ETag::Strong(md5)), ..UploadPartOutput::default() })
}

pub(super) fn list(service: &Service, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    if !service.uploads.exists(&input.upload_id, &input.bucket, &input.key) {
        return Err(no_upload());
    }
    let part = |(number, part): (i32, crate::upload::Part)| Part {
        part_number: Some(number),
        e_tag: Some(ETag::Strong(hex(&part.md5))),
        size: i64::try_from(part.size).ok(),
        last_modified: Some(instant(part.modified)),
        ..Part::default()
    };
    Ok(ListPartsOutput {
        parts: Some(service.uploads.parts(&input.upload_id).into_iter().map(part).collect()),
        is_truncated: Some(false),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}

pub(super) async fn complete(
    service: &Service,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    if !service.uploads.exists(&input.upload_id, &input.bucket, &input.key) {
        return Err(no_upload());
    }
    let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let named: Vec<(i32, String)> = named
        .into_iter()
        .map(|part| (part.part_number.unwrap_or_default(), part.e_tag.map(ETag::into_value).unwrap_or_default()))
        .collect();
    let (folder, uploads, id) = (service.folder.clone(), service.uploads.clone(), input.upload_id);
    let join = move || uploads.join(&folder, &id, &named, &condition, now());
    let joined = tokio::task::spawn_blocking(join).await.map_err(|e| failed(Failure::Io(std::io::Error::other(e))))?;
    let stored = joined.map_err(|e| match e {
        Unjoined::NoUpload => no_upload(),
        Unjoined::InvalidPart => s3_error!(InvalidPart, "A part is missing, has another etag or is out of order."),
        Unjoined::TooSmall => s3_error!(EntityTooSmall, "All parts but the last have at least 5 MiB."),
        Unjoined::Failure(e) => failed(e),
    })?;
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(etag(&stored)),
        ..CompleteMultipartUploadOutput::default()
    })
}

pub(super) fn no_upload() -> S3Error {
    s3_error!(NoSuchUpload, "There is no such upload: it was finished, given up, or never begun.")
}
