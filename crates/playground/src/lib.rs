//! A local S3 endpoint, sample data and a fault proxy: for the demo and for tests.
