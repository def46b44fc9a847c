//! Plots as SVG, to be read on light and on dark pages.

use std::fmt::Write as _;

use crate::{
    record::{Floor, Growth, Row, Spread},
    table::{GROWS, aim, figure, grouped, time},
};

const STYLE: &str = "<style>\
    text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600; font-size: 14px } \
    .soft { fill: #57606a; font-size: 11px } .line { stroke: #8c959f; stroke-width: 1 } .grid { stroke: #d0d7de; stroke-width: 1 } \
    .target { stroke: #24292f; stroke-width: 1.5; stroke-dasharray: 4 3 } \
    .good { fill: #1a7f5a; stroke: #1a7f5a } .bad { fill: #c4541a; stroke: #c4541a } .curve { fill: none; stroke-width: 2 } \
    .spread { stroke: #24292f; stroke-width: 1.5 } .paper { fill: #ffffff } \
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .soft { fill: #9198a1 } .line { stroke: #6e7681 } \
    .grid { stroke: #30363d } .target { stroke: #e6edf3 } .good { fill: #3fb68b; stroke: #3fb68b } .bad { fill: #f0883e; stroke: #f0883e } \
    .curve { fill: none } .spread { stroke: #e6edf3 } .paper { fill: #0d1117 } }</style>";

/// A drawing that grows.
struct Svg {
    text: String,
}

impl Svg {
    fn new(width: f64, height: f64, title: &str) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{0}\">\n{STYLE}\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
            escape(title)
        );
        let mut svg = Self { text };
        svg.label(16.0, 24.0, "title", "start", title);
        svg
    }

    fn label(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.text,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    fn bar(&mut self, class: &str, from: f64, to: f64, y: f64, height: f64) {
        let (x, width) = (from.min(to), (to - from).abs().max(1.0));
        let _ = writeln!(
            self.text,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>"
        );
    }

    fn curve(&mut self, class: &str, points: &[(f64, f64)]) {
        let path: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.text, "<polyline class=\"curve {class}\" points=\"{}\"/>", path.join(" "));
        for (x, y) in points {
            let _ = writeln!(self.text, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
    }

    fn end(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Where a value lies on an axis whose steps are powers of ten.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let share = (value.clamp(self.low, self.high) / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }

    /// The powers of ten on the axis.
    fn steps(&self) -> impl Iterator<Item = f64> {
        let (low, high) = (self.low, self.high);
        (-12..=12).map(|power| 10_f64.powi(power)).filter(move |step| (low * 0.999..=high * 1.001).contains(step))
    }
}

/// How much of its target each row has reached: a bar to the right of the middle is one that has.
#[must_use]
pub fn ratio_plot(rows: &[Row]) -> String {
    const WIDTH: f64 = 960.0;
    const STEP: f64 = 26.0;
    const TOP: f64 = 72.0;
    let bottom = TOP + STEP * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 56.0, "What is reached of each target");
    svg.label(16.0, 42.0, "soft", "start", "Median; the thin line goes from the lowest to the highest round");
    let scale = Scale { low: 0.1, high: 10.0, from: 400.0, to: 760.0 };
    for share in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0] {
        let (x, class) = (scale.at(share), if share == 1.0 { "target" } else { "grid" });
        svg.line(class, (x, TOP - 8.0), (x, bottom));
        svg.label(x, bottom + 16.0, "soft", "middle", &format!("{share}"));
    }
    svg.label(scale.at(1.0), TOP - 14.0, "soft", "middle", "target");
    svg.label(
        scale.at(1.0),
        bottom + 38.0,
        "soft",
        "middle",
        "share of the target that is reached (1 = target; each step is a factor)",
    );
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + STEP * index as f64;
        let Spread { median, min, max } = row.ratio;
        let share = |ratio| row.target.share(ratio);
        let class = if share(median) >= 1.0 { "good" } else { "bad" };
        svg.label(390.0, y + 14.0, "name", "end", &row.name);
        svg.bar(class, scale.at(1.0), scale.at(share(median)), y + 3.0, STEP - 10.0);
        svg.line("spread", (scale.at(share(min)), y + 11.0), (scale.at(share(max)), y + 11.0));
        let reached = match row.floor {
            Floor::None => figure(row.unit, median),
            Floor::Measured(_) | Floor::Recorded(_) => format!("{median:.2}x"),
        };
        svg.label(772.0, y + 14.0, "name", "start", &format!("{reached} (target {})", aim(row)));
    }
    svg.end()
}

/// How times grow with the number of tickets: a small plot for each thing, all with the same axes.
#[must_use]
pub fn growth_plot(store: &str, growths: &[&Growth]) -> String {
    const COLUMNS: usize = 4;
    const PANEL: (f64, f64) = (236.0, 150.0);
    let points = || growths.iter().flat_map(|growth| &growth.points);
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let sizes =
        (least(&mut points().map(|point| point.tickets.into())), most(&mut points().map(|point| point.tickets.into())));
    let low = 10_f64.powf(least(&mut points().map(|point| point.micros.median)).log10().floor());
    let high = 10_f64.powf(most(&mut points().map(|point| point.micros.median)).log10().ceil());
    let height = 64.0 + PANEL.1 * growths.len().div_ceil(COLUMNS) as f64;
    let title = format!("{store}: time of each operation by the number of tickets");
    let mut svg = Svg::new(PANEL.0 * COLUMNS as f64 + 24.0, height, &title);
    svg.label(
        16.0,
        42.0,
        "soft",
        "start",
        "Down: time. Across: tickets. Both axes go by powers of ten. A flat line does not grow.",
    );
    for (index, growth) in growths.iter().enumerate() {
        let left = 16.0 + PANEL.0 * (index % COLUMNS) as f64;
        let top = 56.0 + PANEL.1 * (index / COLUMNS) as f64;
        let across = Scale { low: sizes.0, high: sizes.1, from: left + 52.0, to: left + PANEL.0 - 36.0 };
        let down = Scale { low, high, from: top + PANEL.1 - 34.0, to: top + 30.0 };
        for step in down.steps() {
            svg.line("grid", (across.from, down.at(step)), (across.to, down.at(step)));
            svg.label(across.from - 6.0, down.at(step) + 4.0, "soft", "end", &time(step));
        }
        for step in across.steps() {
            svg.line("line", (across.at(step), down.from), (across.at(step), down.from + 4.0));
            svg.label(across.at(step), down.from + 16.0, "soft", "middle", &grouped(step.round() as u64));
        }
        let class = if growth.factor() > GROWS { "bad" } else { "good" };
        let curve: Vec<_> =
            growth.points.iter().map(|point| (across.at(point.tickets.into()), down.at(point.micros.median))).collect();
        svg.label(left + 4.0, top + 16.0, "name", "start", &growth.name);
        svg.curve(class, &curve);
    }
    svg.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Point, Target, Unit};

    fn row(median: f64) -> Row {
        Row {
            name: "a < b & c".to_owned(),
            unit: Unit::PerSecond,
            ours: 1.0,
            floor: Floor::Measured(1.0),
            ratio: Spread { median, min: median, max: median },
            target: Target::AtLeast(0.5),
        }
    }

    fn growth(micros: [f64; 2]) -> Growth {
        let point = |(tickets, median)| Point { tickets, micros: Spread { median, min: median, max: median } };
        let points = [10_000, 1_000_000].into_iter().zip(micros).map(point).collect();
        Growth { store: "SQLite".to_owned(), name: "get".to_owned(), points }
    }

    #[test]
    fn powers_of_ten_are_as_far_from_each_other() {
        let scale = Scale { low: 1.0, high: 100.0, from: 0.0, to: 10.0 };
        assert_eq!((scale.at(1.0), scale.at(10.0), scale.at(100.0)), (0.0, 5.0, 10.0));
        assert_eq!((scale.at(0.001), scale.at(1_000.0)), (0.0, 10.0));
        assert_eq!(scale.steps().collect::<Vec<_>>(), [1.0, 10.0, 100.0]);
    }

    #[test]
    fn a_row_that_misses_its_target_is_told_by_its_colour_and_its_figures() {
        let good = ratio_plot(&[row(0.6)]);
        assert!(good.contains("class=\"good\"") && good.contains("0.60x (target ≥ 0.5x)"), "{good}");
        let bad = ratio_plot(&[row(0.4)]);
        assert!(bad.contains("<rect class=\"bad\"") && bad.contains("a &lt; b &amp; c"), "{bad}");
    }

    #[test]
    fn a_curve_goes_through_every_point() {
        let (flat, steep) = (growth([100.0, 110.0]), growth([100.0, 900.0]));
        let plot = growth_plot("SQLite", &[&flat, &steep]);
        assert_eq!(plot.matches("<circle").count(), 4);
        assert!(plot.contains("curve good") && plot.contains("curve bad"), "{plot}");
        assert!(plot.contains(">1,000,000<") && plot.contains(">100 µs<"), "{plot}");
        assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
    }
}
