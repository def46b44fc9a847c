//! Draws the transition table as SVG. The places of the statuses and the bends of the arrows are laid by hand; which
//! arrows there are and what they say comes from the table.

use std::fmt::Write;

use sk_tickets_core::{
    Status,
    transition::{Guard, Trigger, Verdict, verdict},
};

use crate::transitions::needs;

const WIDTH: f64 = 1180.0;
const HEIGHT: f64 = 716.0;
const NODE: (f64, f64) = (136.0, 52.0);

/// The middle of a status.
const fn place(status: Status) -> (f64, f64) {
    match status {
        Status::New => (110.0, 350.0),
        Status::Pending => (460.0, 150.0),
        Status::Open => (460.0, 350.0),
        Status::OnHold => (460.0, 550.0),
        Status::Resolved => (840.0, 350.0),
        Status::Closed => (1_070.0, 350.0),
    }
}

/// How an arrow goes.
struct Way {
    /// How far its middle is from the straight line, to the left as seen from its start.
    bend: f64,
    /// Where on it its label is, from 0 to 1.
    label_at: f64,
    /// How far to the right of that.
    label_aside: f64,
}

const fn way(from: Status, to: Status) -> Way {
    use Status::{Closed, New, OnHold, Open, Pending, Resolved};
    let (bend, label_at, label_aside) = match (from, to) {
        (New, Open) => (0.0, 0.3, 0.0),
        (New, Pending) => (40.0, 0.62, 0.0),
        (New, OnHold) => (-40.0, 0.62, 0.0),
        (New, Resolved) => (300.0, 0.5, 0.0),
        (New, Closed) => (-345.0, 0.5, 0.0),
        (Open, Pending) => (-20.0, 0.5, 45.0),
        (Open, OnHold) => (-20.0, 0.5, -45.0),
        (Pending | OnHold, Open) => (-20.0, 0.5, 0.0),
        (Open, Resolved) => (20.0, 0.6, 0.0),
        (Resolved, Open) => (20.0, 0.4, 0.0),
        (Open, Closed) => (-110.0, 0.62, 0.0),
        (Pending, OnHold) | (OnHold, Pending) => (165.0, 0.3, 0.0),
        (Pending, Resolved) => (14.0, 0.56, 0.0),
        (OnHold, Resolved) => (-14.0, 0.34, 0.0),
        (Pending, Closed) => (120.0, 0.5, 0.0),
        (OnHold, Closed) => (-100.0, 0.5, 0.0),
        (Resolved, Closed) => (0.0, 0.46, 0.0),
        // A transition that is added to the table is drawn, if not well: then give it a way of its own.
        _ => (60.0, 0.5, 0.0),
    };
    Way { bend, label_at, label_aside }
}

/// What a status means, in a word or two.
const fn meaning(status: Status) -> &'static str {
    match status {
        Status::New => "nobody took it yet",
        Status::Open => "is worked on",
        Status::Pending => "waits on the customer",
        Status::OnHold => "waits on a third party",
        Status::Resolved => "done, may be reopened",
        Status::Closed => "done for good",
    }
}

pub(crate) fn svg() -> String {
    let mut arrows = String::new();
    let mut labels = String::new();
    for &from in Status::ALL {
        for &to in Status::ALL {
            if let Verdict::Moves { guard, .. } = verdict(from, Trigger::Transition(to)) {
                draw_arrow(&mut arrows, &mut labels, from, to, guard);
            }
        }
    }
    let mut nodes = String::new();
    for &status in Status::ALL {
        let (x, y) = place(status);
        let (left, top) = (x - NODE.0 / 2.0, y - NODE.1 / 2.0);
        let (name_y, meaning_y) = (y - 3.0, y + 14.0);
        let _ = writeln!(
            nodes,
            "<g class=\"{status}\"><rect class=\"box\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{}\" height=\"{}\" rx=\"10\"/>\
             <text class=\"name\" x=\"{x:.1}\" y=\"{name_y:.1}\">{status}</text>\
             <text class=\"meaning\" x=\"{x:.1}\" y=\"{meaning_y:.1}\">{}</text></g>",
            NODE.0,
            NODE.1,
            meaning(status),
        );
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"The statuses of a ticket and the transitions between them\">\n\
         <!-- Made from sk_tickets_core::transition by its tests; UPDATE_GOLDEN=1 writes it anew. -->\n\
         <style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"16\"/>\n\
         {arrows}{labels}{nodes}{}</svg>\n",
        legend()
    )
}

type Point = (f64, f64);

/// A quadratic Bézier curve.
#[derive(Clone, Copy)]
struct Curve {
    start: Point,
    control: Point,
    end: Point,
}

fn between(a: Point, b: Point, t: f64) -> Point {
    (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
}

impl Curve {
    /// From middle to middle, bent to the left by `bend`.
    fn bent(start: Point, end: Point, bend: f64) -> Self {
        let (dx, dy) = (end.0 - start.0, end.1 - start.1);
        let length = dx.hypot(dy);
        let (x, y) = between(start, end, 0.5);
        // The middle of the curve is half as far from the straight line as its control point.
        let control = (x + 2.0 * bend * dy / length, y - 2.0 * bend * dx / length);
        Self { start, control, end }
    }

    fn at(self, t: f64) -> Point {
        between(between(self.start, self.control, t), between(self.control, self.end, t), t)
    }

    /// The part of the curve from `t0` to `t1`.
    fn part(self, t0: f64, t1: f64) -> Self {
        let control = between(between(self.start, self.control, t0), between(self.control, self.end, t0), t1);
        Self { start: self.at(t0), control, end: self.at(t1) }
    }

    /// The part that is outside of the boxes around its ends, with a little air.
    fn outside(self) -> Self {
        let free = |point: Point, middle: Point, air: f64| {
            (point.0 - middle.0).abs() > NODE.0 / 2.0 + air || (point.1 - middle.1).abs() > NODE.1 / 2.0 + air
        };
        let steps = || (0..=1_000).map(|step| f64::from(step) / 1_000.0);
        let t0 = steps().find(|&t| free(self.at(t), self.start, 2.0)).unwrap_or(0.0);
        let t1 = steps().map(|t| 1.0 - t).find(|&t| free(self.at(t), self.end, 4.0)).unwrap_or(1.0);
        self.part(t0, t1)
    }
}

fn draw_arrow(arrows: &mut String, labels: &mut String, from: Status, to: Status, guard: Guard) {
    let Way { bend, label_at, label_aside } = way(from, to);
    let curve = Curve::bent(place(from), place(to), bend).outside();
    let Curve { start, control, end } = curve;
    let (dx, dy) = (end.0 - control.0, end.1 - control.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let neck = (end.0 - 9.0 * ux, end.1 - 9.0 * uy);
    let title = needs(guard).join(", ");
    let says = if title.is_empty() { String::new() } else { format!(": {title}") };
    let _ = writeln!(
        arrows,
        "<g class=\"{to}\"><title>{from} to {to}{says}</title>\
         <path d=\"M{:.1},{:.1} Q{:.1},{:.1} {:.1},{:.1}\"/>\
         <polygon points=\"{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}\"/></g>",
        start.0,
        start.1,
        control.0,
        control.1,
        neck.0,
        neck.1,
        end.0,
        end.1,
        neck.0 - 4.5 * uy,
        neck.1 + 4.5 * ux,
        neck.0 + 4.5 * uy,
        neck.1 - 4.5 * ux,
    );
    if !title.is_empty() {
        let (x, y) = curve.at(label_at);
        let x = x + label_aside;
        // There is no measuring of letters here: this is what most fonts need.
        let width = 5.9 * f64::from(u8::try_from(title.len()).unwrap_or(u8::MAX)) + 10.0;
        let _ = writeln!(
            labels,
            "<g class=\"{to}\"><rect class=\"paper\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"17\"/>\
             <text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\">{title}</text></g>",
            x - width / 2.0,
            y - 8.5,
            y + 4.0,
        );
    }
}

fn legend() -> String {
    "<text class=\"legend\" x=\"24\" y=\"32\">An arrow says what the transition needs.</text>\n\
     <text class=\"legend\" x=\"24\" y=\"50\">It has the colour of where it leads.</text>\n"
        .to_owned()
}

const STYLE: &str = "\
text { font-family: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; text-anchor: middle }
path { fill: none; stroke-width: 1.6px }
.box { stroke-width: 1.6px }
.name { font-size: 15px; font-weight: 600; fill: #111827 }
.meaning { font-size: 10.5px; fill: #374151 }
.legend { font-size: 12px; text-anchor: start; fill: #4b5563 }
.label { font-size: 11.5px }
.paper { fill: #ffffff }
.new .box { fill: #e0f2fe; stroke: #0369a1 }
.open .box { fill: #dbeafe; stroke: #1d4ed8 } .open path { stroke: #1d4ed8 } .open polygon, .open .label { fill: #1d4ed8 }
.pending .box { fill: #fef3c7; stroke: #a16207 } .pending path { stroke: #a16207 } .pending polygon, .pending .label { fill: #a16207 }
.on_hold .box { fill: #ffedd5; stroke: #c2410c } .on_hold path { stroke: #c2410c } .on_hold polygon, .on_hold .label { fill: #c2410c }
.resolved .box { fill: #dcfce7; stroke: #15803d } .resolved path { stroke: #15803d } .resolved polygon, .resolved .label { fill: #15803d }
.closed .box { fill: #e5e7eb; stroke: #4b5563 } .closed path { stroke: #4b5563 } .closed polygon, .closed .label { fill: #4b5563 }
@media (prefers-color-scheme: dark) {
  .name { fill: #f9fafb }
  .meaning { fill: #d1d5db }
  .legend { fill: #9ca3af }
  .paper { fill: #0d1117 }
  .new .box { fill: #0c4a6e; stroke: #7dd3fc }
  .open .box { fill: #1e3a8a; stroke: #93c5fd } .open path { stroke: #93c5fd } .open polygon, .open .label { fill: #93c5fd }
  .pending .box { fill: #713f12; stroke: #fde047 } .pending path { stroke: #fde047 } .pending polygon, .pending .label { fill: #fde047 }
  .on_hold .box { fill: #7c2d12; stroke: #fdba74 } .on_hold path { stroke: #fdba74 } .on_hold polygon, .on_hold .label { fill: #fdba74 }
  .resolved .box { fill: #14532d; stroke: #86efac } .resolved path { stroke: #86efac } .resolved polygon, .resolved .label { fill: #86efac }
  .closed .box { fill: #374151; stroke: #d1d5db } .closed path { stroke: #d1d5db } .closed polygon, .closed .label { fill: #d1d5db }
}
";
