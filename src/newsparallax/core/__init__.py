"""The core: pure functions from bytes and records to records. Only the standard library, pyarrow and msgspec."""
