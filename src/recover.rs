//! What a crash left, and what to do about it: pure.
