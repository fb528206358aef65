//! Variables whose values are a few words.

/// What `text` names among these words. `Err` lists them: `expected off, report or tag, not "on"`.
pub fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, chosen)| *chosen);
    chosen.ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let words = match words.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => words.concat(),
        };
        format!("expected {words}, not {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_chosen_or_all_are_named() {
        let choices = [("off", 0), ("report", 1), ("tag", 2)];
        assert_eq!(choice("report", &choices), Ok(1));
        for (choices, expected) in [
            (&choices[..], "expected off, report or tag, not \"on\""),
            (&choices[..2], "expected off or report, not \"on\""),
            (&choices[..1], "expected off, not \"on\""),
        ] {
            assert_eq!(choice("on", choices), Err(expected.to_owned()));
        }
    }
}
