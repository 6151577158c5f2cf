//! What the tests of whole programs share: folders that go away, the built programs, conditions awaited with a bound.
