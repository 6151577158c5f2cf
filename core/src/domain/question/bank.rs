//! Questions of our own to begin from, each with what it is about.

/// A question to begin from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Banked {
    /// What it is about.
    pub tag: &'static str,
    /// The question.
    pub text: &'static str,
}

const fn of(tag: &'static str, text: &'static str) -> Banked {
    Banked { tag, text }
}

/// The questions, in their order; each is named by its place, from 1.
pub const BANK: &[Banked] = &[
    of("direction", "If nobody were watching, what would you still want?"),
    of("direction", "What would you be doing in a year that would tell you it was right?"),
    of("direction", "Which wish have you stopped saying out loud?"),
    of("direction", "What may become less important, so that this one thing gets room?"),
    of("reality", "What is true about this that you would rather not say?"),
    of("reality", "What have you already tried, and what did each attempt teach you?"),
    of("reality", "What would somebody see who followed you for a day?"),
    of("reality", "What part of this is yours to change, and what part is not?"),
    of("strength", "When did you last manage something like this, and what in you made it possible?"),
    of("strength", "What do others come to you for?"),
    of("strength", "What are you doing right that you take for granted?"),
    of("obstacle", "What do you get out of everything staying as it is?"),
    of("obstacle", "What would you have to admit to yourself in order to begin?"),
    of("obstacle", "Whose voice is it that says you cannot?"),
    of("obstacle", "What are you afraid might happen if it works?"),
    of("options", "What would you try if it could not go wrong?"),
    of("options", "What would the person do whom you admire for this?"),
    of("options", "What is the smallest version of it that would still count?"),
    of("options", "And what else?"),
    of("step", "What will you do first, and how will you notice that it is done?"),
    of("step", "What would make it easy to begin tomorrow morning?"),
    of("step", "Who should know about it so that you are not alone with it?"),
    of("looking back", "What did you learn about yourself that you want to keep?"),
    of("looking back", "What do you want to thank yourself for?"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_24_questions_no_two_the_same_and_each_about_something() {
        assert_eq!(BANK.len(), 24);
        assert_eq!(BANK.iter().map(|it| it.text).collect::<BTreeSet<_>>().len(), 24);
        assert!(BANK.iter().all(|it| it.text.ends_with(['?', '.']) && !it.tag.is_empty()));
        assert!(BANK.iter().map(|it| it.tag).collect::<BTreeSet<_>>().len() >= 5);
    }
}
