"""The inference protocol over gRPC; nothing here is imported where no gRPC port is asked for."""
