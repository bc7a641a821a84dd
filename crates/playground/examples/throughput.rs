//! Prints how fast the endpoint gives and takes objects on loopback: `cargo run --release --example throughput`.

use bytes::BytesMut;
use forebay_playground::{Playground, PlaygroundConfig};
use futures::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use std::time::Instant;

const SIZE: usize = 256 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("playground-throughput-{}", std::process::id()));
    let running = Playground::start(PlaygroundConfig::new(&dir)).await?;
    running.folder().create_bucket("bucket")?;
    let client = AmazonS3Builder::new()
        .with_endpoint(running.url())
        .with_allow_http(true)
        .with_bucket_name("bucket")
        .with_access_key_id(&running.access_key)
        .with_secret_access_key(&running.secret_key)
        .build()?;
    let path = Path::from("large");
    let started = Instant::now();
    let mut upload = client.put_multipart(&path).await?;
    for _ in 0..SIZE / (16 << 20) {
        upload.put_part(PutPayload::from(vec![1; 16 << 20])).await?;
    }
    upload.complete().await?;
    print("put in parts", started, SIZE);
    for round in 1..=3 {
        let started = Instant::now();
        let mut body = client.get(&path).await?.into_stream();
        let mut size = 0;
        let mut largest = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            size += chunk.len();
            largest = largest.max(chunk.len());
        }
        print(&format!("get {round} (largest chunk {largest})"), started, size);
    }
    let started = Instant::now();
    let mut whole = BytesMut::new();
    for at in (0..SIZE as u64).step_by(8 << 20) {
        whole.extend_from_slice(&client.get_range(&path, at..at + (8 << 20)).await?);
    }
    print("get in ranges of 8 MiB", started, whole.len());
    drop(running);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn print(what: &str, started: Instant, size: usize) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.0} MB/s", size as f64 / seconds / 1e6);
}
