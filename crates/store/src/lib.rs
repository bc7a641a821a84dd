//! What must survive a restart: documents, leases, sealed secrets.
