//! Declarations as a table for people.

use super::Variable;

/// A Markdown table of variables, list after list: the one that READMEs show between `<!-- config:FUNCTION -->` and
/// `<!-- /config -->`. Ends without a line break.
pub fn markdown_table(lists: &[&[Variable]]) -> String {
    let heading = ["| variable | meaning | default | example |", "|---|---|---|---|"].map(str::to_owned);
    let rows = lists.iter().flat_map(|list| list.iter()).map(row);
    heading.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn row(variable: &Variable) -> String {
    let fallback = cell(&variable.fallback.describe());
    format!("| `{}` | {} | {fallback} | `{}` |", variable.name, cell(variable.meaning), cell(variable.example))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::Fallback;
    use super::*;

    #[test]
    fn a_bar_stays_in_its_cell() {
        let one = Variable { name: "BRIGADE_A", meaning: "a|b", fallback: Fallback::Value("a"), example: "b" };
        let two = Variable { name: "BRIGADE_B", meaning: "c", fallback: Fallback::Required, example: "d" };
        insta::assert_snapshot!(markdown_table(&[&[one], &[two]]), @r"
        | variable | meaning | default | example |
        |---|---|---|---|
        | `BRIGADE_A` | a\|b | `a` | `b` |
        | `BRIGADE_B` | c | required | `d` |
        ");
    }
}
