//! The S3 seed's requests with curl, exactly as printed but for host, headers' values and ids.
