//! What to do with each listed message: pure.
