//! All tests that need the built binary or more than one crate, in one binary.
mod all {
    mod compat;
    mod order_process;
    mod rows;
}
