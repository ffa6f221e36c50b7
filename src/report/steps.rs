//! The steps of a run as a list, as JSON, and as a graph in three notations. Pure; same steps, same bytes.

use crate::pipeline::StepName;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Size of a box in the picture, and the room between boxes.
const BOX: (usize, usize) = (270, 46);
const GAP: (usize, usize) = (60, 18);

/// A line a step, in their order, and what each waits for.
pub(crate) fn text(steps: &[StepName]) -> String {
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
    let mut out = String::new();
    for step in steps {
        let _ = writeln!(out, "{:width$}  {}", step.name, step.description);
        if !step.depends_on.is_empty() {
            let _ = writeln!(out, "{:width$}  after {}", "", step.depends_on.join(", "));
        }
    }
    out
}

/// `{"steps": [{"name", "description", "dependsOn"}]}`.
pub(crate) fn json(steps: &[StepName]) -> String {
    let text = serde_json::to_string_pretty(&serde_json::json!({"steps": steps}));
    text.unwrap_or_default() + "\n"
}

/// A graph in the words of Graphviz.
pub(crate) fn dot(steps: &[StepName]) -> String {
    let mut out = String::from("digraph steps {\n  rankdir=LR;\n  node [shape=box];\n");
    for step in steps {
        let _ = writeln!(out, "  {:?} [tooltip={:?}];", step.name, step.description);
    }
    for (from, to) in arrows(steps) {
        let _ = writeln!(out, "  {from:?} -> {to:?};");
    }
    out + "}\n"
}

/// A graph in the words of Mermaid.
pub(crate) fn mermaid(steps: &[StepName]) -> String {
    let number: BTreeMap<&str, usize> =
        steps.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
    let mut out = String::from("graph LR\n");
    for (index, step) in steps.iter().enumerate() {
        // Mermaid knows no escapes inside quotes but HTML's.
        let _ = writeln!(out, "  s{index}[\"{}\"]", escaped(&step.name));
    }
    for (from, to) in arrows(steps) {
        if let (Some(from), Some(to)) = (number.get(from), number.get(to)) {
            let _ = writeln!(out, "  s{from} --> s{to}");
        }
    }
    out
}

/// A picture: a step stands to the right of all that it waits for.
pub(crate) fn svg(steps: &[StepName]) -> String {
    let places = places(steps);
    let columns = places.values().map(|(column, _)| column + 1).max().unwrap_or(1);
    let rows = places.values().map(|(_, row)| row + 1).max().unwrap_or(1);
    let corner = |(column, row): (usize, usize)| (GAP.1 + column * (BOX.0 + GAP.0), GAP.1 + row * (BOX.1 + GAP.1));
    let (right, bottom) = corner((columns, rows));
    let (width, height) = (right - GAP.0 + GAP.1, bottom);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (from, to) in arrows(steps) {
        if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
            let ((x1, y1), (x2, y2)) = (corner(*from), corner(*to));
            let (x1, y1, y2) = (x1 + BOX.0, y1 + BOX.1 / 2, y2 + BOX.1 / 2);
            // The arrow turns in the gap before its end, where no box is.
            let turn = x2 - GAP.0 / 2;
            let _ = writeln!(
                out,
                "<path d=\"M{x1} {y1} H{} C{turn} {y1} {turn} {y2} {} {y2}\" fill=\"none\" stroke=\"#888\"/>\n\
                 <path d=\"M{x2} {y2} l-8 -4 v8 z\" fill=\"#888\"/>",
                x2 - GAP.0,
                x2 - 4
            );
        }
    }
    for step in steps {
        let (x, y) = corner(places[step.name.as_str()]);
        let (text, name, description) = (x + 10, escaped(&step.name), escaped(&step.description));
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"#eef3fb\" stroke=\"#5b7db1\"/>\n\
             <text x=\"{text}\" y=\"{}\" font-size=\"13\">{name}</text>\n\
             <text x=\"{text}\" y=\"{}\" font-size=\"9\" fill=\"#555\">{description}</text>",
            BOX.0,
            BOX.1,
            y + 19,
            y + 35
        );
    }
    out + "</svg>\n"
}

fn arrows(steps: &[StepName]) -> impl Iterator<Item = (&str, &str)> {
    steps.iter().flat_map(|step| step.depends_on.iter().map(move |from| (from.as_str(), step.name.as_str())))
}

/// Column and row of each step: the column is the longest way to it, the row the next free one.
fn places(steps: &[StepName]) -> BTreeMap<&str, (usize, usize)> {
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut used: BTreeMap<usize, usize> = BTreeMap::new();
    for step in steps {
        let before = step.depends_on.iter().filter_map(|name| places.get(name.as_str()));
        let column = before.map(|(column, _)| column + 1).max().unwrap_or(0);
        let row = used.entry(column).or_default();
        places.insert(&step.name, (column, *row));
        *row += 1;
    }
    places
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Vec<StepName> {
        let step = |name: &str, after: &[&str]| StepName {
            name: name.into(),
            description: format!("does <{name}>"),
            depends_on: after.iter().map(|name| (*name).to_owned()).collect(),
        };
        vec![step("a", &[]), step("b", &["a"]), step("c", &["a"]), step("d", &["b", "c"])]
    }

    #[test]
    fn the_list_in_every_form() {
        let all = [text, json, dot, mermaid, svg].map(|draw| draw(&steps()));
        insta::assert_snapshot!(all.join("----\n"));
    }

    #[test]
    fn boxes_do_not_overlap_and_arrows_point_to_the_right() {
        let steps = steps();
        let places = places(&steps);
        let mut taken: Vec<_> = places.values().collect();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), steps.len());
        for (from, to) in arrows(&steps) {
            assert!(places[from].0 < places[to].0, "{from} {to}");
        }
    }
}
