//! S3's operations over a [`Folder`]. The protocol, signatures included, is s3s's.

mod body;
mod parts;
mod wire;

use crate::folder::{After, Condition, Failure, Folder, Headers, Stored};
use crate::upload::Uploads;
use body::Body;
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use std::sync::Arc;
use wire::{
    check_read, coded, condition, etag, failed, from_token, headers, instant, listed, metadata, now, to_token,
};

/// The region the endpoint says it is in.
const REGION: &str = "us-east-1";
/// The most keys of a page.
const PAGE: i32 = 1000;

/// The one account.
pub(crate) struct Account {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

#[async_trait::async_trait]
impl S3Auth for Account {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            return Err(s3_error!(InvalidAccessKeyId, "The access key id does not exist in our records."));
        }
        Ok(SecretKey::from(self.secret_key.as_str()))
    }
}

/// The service.
#[derive(Clone)]
pub(crate) struct Service {
    folder: Arc<Folder>,
    uploads: Arc<Uploads>,
}

impl Service {
    pub(crate) fn new(folder: Arc<Folder>) -> Service {
        Service { folder, uploads: Arc::default() }
    }

    /// Runs a change of the folder where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, Failure> + Send + 'static,
    ) -> S3Result<T> {
        let folder = self.folder.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.map_err(|e| failed(Failure::Io(std::io::Error::other(e))))?.map_err(failed)
    }

    fn bucket(&self, name: &str) -> S3Result<()> {
        if self.folder.has_bucket(name) { Ok(()) } else { Err(failed(Failure::NoBucket)) }
    }

    /// One page, for both versions of the operation.
    fn page(
        &self,
        bucket: &str,
        prefix: Option<&str>,
        delimiter: Option<&str>,
        after: Option<&After>,
        most: i32,
    ) -> S3Result<crate::folder::Listing> {
        let most = usize::try_from(most.clamp(0, PAGE)).unwrap_or_default();
        self.folder.list(bucket, prefix.unwrap_or_default(), delimiter, after, most).map_err(failed)
    }
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let bucket = |(name, created)| Bucket {
            name: Some(name),
            creation_date: Some(instant(created)),
            ..Bucket::default()
        };
        let buckets = self.folder.buckets().into_iter().map(bucket).collect();
        let owner = Owner { display_name: Some("playground".into()), id: Some("playground".into()) };
        let output = ListBucketsOutput { buckets: Some(buckets), owner: Some(owner), ..ListBucketsOutput::default() };
        Ok(S3Response::new(output))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = req.input.bucket;
        let location = Some(format!("/{name}"));
        self.blocking(move |folder| folder.create_bucket(&name)).await?;
        Ok(S3Response::new(CreateBucketOutput { location, ..CreateBucketOutput::default() }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(REGION.into()), ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.blocking(move |folder| folder.delete_bucket(&req.input.bucket)).await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let after = match &input.continuation_token {
            Some(token) => Some(from_token(token).ok_or_else(|| s3_error!(InvalidArgument, "The continuation token is not ours."))?),
            None => input.start_after.clone().map(After::Key),
        };
        let most = input.max_keys.unwrap_or(PAGE);
        let page =
            self.page(&input.bucket, input.prefix.as_deref(), input.delimiter.as_deref(), after.as_ref(), most)?;
        let coded = |text: String| coded(text, input.encoding_type.as_ref());
        let count = page.objects.len() + page.prefixes.len();
        let prefix = |prefix| CommonPrefix { prefix: Some(coded(prefix)) };
        let output = ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(coded(input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(coded),
            start_after: input.start_after.map(coded),
            max_keys: Some(most.clamp(0, PAGE)),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(to_token),
            continuation_token: input.continuation_token,
            contents: Some(page.objects.into_iter().map(|(key, stored)| listed(coded(key), &stored)).collect()),
            common_prefixes: Some(page.prefixes.into_iter().map(prefix).collect()),
            encoding_type: input.encoding_type.clone(),
            ..ListObjectsV2Output::default()
        };
        Ok(S3Response::new(output))
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let delimiter = input.delimiter.clone().filter(|d| !d.is_empty());
        // A marker that is a whole group stands behind the group.
        let after = input.marker.clone().filter(|m| !m.is_empty()).map(|marker| match &delimiter {
            Some(d) if marker.ends_with(d) => After::Prefix(marker),
            _ => After::Key(marker),
        });
        let most = input.max_keys.unwrap_or(PAGE);
        let page = self.page(&input.bucket, input.prefix.as_deref(), delimiter.as_deref(), after.as_ref(), most)?;
        let coded = |text: String| coded(text, input.encoding_type.as_ref());
        let prefix = |prefix| CommonPrefix { prefix: Some(coded(prefix)) };
        let output = ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(coded(input.prefix.unwrap_or_default())),
            marker: input.marker.map(coded),
            delimiter: input.delimiter.map(coded),
            max_keys: Some(most.clamp(0, PAGE)),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.map(|(After::Key(text) | After::Prefix(text))| coded(text)),
            contents: Some(page.objects.into_iter().map(|(key, stored)| listed(coded(key), &stored)).collect()),
            common_prefixes: Some(page.prefixes.into_iter().map(prefix).collect()),
            encoding_type: input.encoding_type.clone(),
            ..ListObjectsOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let stored = self.folder.stat(&input.bucket, &input.key).map_err(failed)?;
        check_read(&stored, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let output = HeadObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: i64::try_from(stored.size).ok(),
            e_tag: Some(etag(&stored)),
            last_modified: Some(instant(stored.modified)),
            metadata: metadata(&stored.headers),
            content_type: stored.headers.content_type,
            content_encoding: stored.headers.content_encoding,
            cache_control: stored.headers.cache_control,
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let (stored, file) = self.folder.get(&input.bucket, &input.key).map_err(failed)?;
        check_read(&stored, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let range = input.range.map(|range| range.check(stored.size)).transpose()?;
        let content_range = range.as_ref().map(|r| format!("bytes {}-{}/{}", r.start, r.end - 1, stored.size));
        let range = range.unwrap_or(0..stored.size);
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: i64::try_from(range.end - range.start).ok(),
            content_range,
            body: Some(StreamingBlob::new(Body::new(file, range))),
            e_tag: Some(etag(&stored)),
            last_modified: Some(instant(stored.modified)),
            metadata: metadata(&stored.headers),
            content_type: stored.headers.content_type,
            content_encoding: stored.headers.content_encoding,
            cache_control: stored.headers.cache_control,
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        let headers = headers(input.content_type, input.content_encoding, input.cache_control, input.metadata);
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let draft = self.folder.draft(&input.bucket).map_err(failed)?;
        let draft = body::receive(draft, input.body, input.content_md5.as_deref()).await?;
        let etag = crate::folder::hex(&draft.md5());
        let (bucket, key) = (input.bucket, input.key);
        let commit =
            move |folder: &Folder| folder.commit(&bucket, &key, draft, etag, headers, &condition, now());
        let stored: Stored = self.blocking(commit).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(wire::etag(&stored)), ..PutObjectOutput::default() }))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let CopySource::Bucket { bucket, key, .. } = input.copy_source else {
            return Err(s3_error!(NotImplemented, "Only buckets can be copied from."));
        };
        let source = self.folder.stat(&bucket, &key).map_err(failed)?;
        let wanted = (input.copy_source_if_match.as_ref(), input.copy_source_if_none_match.as_ref());
        if check_read(&source, wanted.0, wanted.1).is_err() {
            return Err(failed(Failure::Condition));
        }
        let replace = input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        let replaced: Option<Headers> =
            replace.then(|| headers(input.content_type, input.content_encoding, input.cache_control, input.metadata));
        let to = (input.bucket, input.key);
        let copy = move |folder: &Folder| {
            folder.copy((&bucket, &key), (&to.0, &to.1), replaced, &Condition::None, now())
        };
        let stored = self.blocking(copy).await?;
        let result = CopyObjectResult {
            e_tag: Some(etag(&stored)),
            last_modified: Some(instant(stored.modified)),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        self.blocking(move |folder| folder.delete(&input.bucket, &input.key)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        let quiet = delete.quiet.unwrap_or(false);
        let keys: Vec<String> = delete.objects.into_iter().map(|object| object.key).collect();
        let delete = move |folder: &Folder| {
            for key in &keys {
                folder.delete(&bucket, key)?;
            }
            Ok(keys)
        };
        let keys = self.blocking(delete).await?;
        let deleted = |key| DeletedObject { key: Some(key), ..DeletedObject::default() };
        let deleted = (!quiet).then(|| keys.into_iter().map(deleted).collect());
        Ok(S3Response::new(DeleteObjectsOutput { deleted, ..DeleteObjectsOutput::default() }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        parts::create(self, req.input).await.map(S3Response::new)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        parts::upload(self, req.input).await.map(S3Response::new)
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        parts::list(self, req.input).map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        parts::complete(self, req.input).await.map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        if !self.uploads.abort(&req.input.upload_id) {
            return Err(parts::no_upload());
        }
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
