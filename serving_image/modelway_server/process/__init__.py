"""What a process that holds an untrusted model may do, and what becomes of the processes that it starts."""
