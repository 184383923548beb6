"""A folder with which an auditor verifies and recomputes offline: Parquet files, a manifest, the SQL, and the verifier."""
