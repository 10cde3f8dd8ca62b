"""The object store: a local folder, S3/MinIO or memory, behind one small protocol."""
