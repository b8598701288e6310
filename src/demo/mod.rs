//! A small POP3 server with switchable faults, and the demonstration that runs against it.
