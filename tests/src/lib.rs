//! Harness of the suites that run the whole of Holdfast.
