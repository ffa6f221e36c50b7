//! A table in the text output.

use std::fmt::Write as _;

/// Columns as wide as their widest cell, two blanks between them.
pub(super) fn table<const N: usize>(head: &[&str; N], rows: Vec<[String; N]>) -> String {
    let head = head.map(str::to_owned);
    // What others wrote may hold line breaks; a row stays a row.
    let cell = |cell: String| cell.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows =
        rows.into_iter().map(|row| row.map(|text| if text.contains(['\n', '\r', '\t']) { cell(text) } else { text }));
    let all: Vec<[String; N]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let text = table(
            &["A", "LONG", "C"],
            vec![["abc".into(), "x\r\n".into(), String::new()], ["a".into(), "y".into(), "z".into()]],
        );
        assert_eq!(text, "A    LONG  C\nabc  x\na    y     z\n");
    }
}
