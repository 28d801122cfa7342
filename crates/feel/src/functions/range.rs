//! How points and ranges lie to each other.
use super::{Builtin, Reply, function};
use crate::value::{Range, Val};
use std::cmp::Ordering;

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("before", &["point1", "point2"], |_, args| related(args, before)),
    function("before", &["point", "range"], |_, args| related(args, before)),
    function("before", &["range", "point"], |_, args| related(args, before)),
    function("before", &["range1", "range2"], |_, args| related(args, before)),
    function("after", &["point1", "point2"], |_, args| related(args, after)),
    function("after", &["point", "range"], |_, args| related(args, after)),
    function("after", &["range", "point"], |_, args| related(args, after)),
    function("after", &["range1", "range2"], |_, args| related(args, after)),
    function("meets", &["range1", "range2"], |_, args| ranges(args, meets)),
    function("met by", &["range1", "range2"], |_, args| {
        ranges(args, |a, b| meets(b, a))
    }),
    function("overlaps", &["range1", "range2"], |_, args| {
        ranges(args, overlaps)
    }),
    function("overlaps before", &["range1", "range2"], |_, args| {
        ranges(args, overlaps_before)
    }),
    function("overlaps after", &["range1", "range2"], |_, args| {
        ranges(args, overlaps_after)
    }),
    function("finishes", &["point", "range"], |_, args| related(args, finishes)),
    function("finishes", &["range1", "range2"], |_, args| {
        related(args, finishes)
    }),
    function("finished by", &["point", "range"], |_, args| {
        related(args, finished_by)
    }),
    function("finished by", &["range1", "range2"], |_, args| {
        related(args, finished_by)
    }),
    function("includes", &["range", "point"], |_, args| related(args, includes)),
    function("includes", &["range1", "range2"], |_, args| {
        related(args, includes)
    }),
    function("during", &["point", "range"], |_, args| {
        related(args, |a, b| includes(b, a))
    }),
    function("during", &["range1", "range2"], |_, args| {
        related(args, |a, b| includes(b, a))
    }),
    function("starts", &["point", "range"], |_, args| related(args, starts)),
    function("starts", &["range1", "range2"], |_, args| related(args, starts)),
    function("started by", &["range", "point"], |_, args| {
        related(args, |a, b| starts(b, a))
    }),
    function("started by", &["range1", "range2"], |_, args| {
        related(args, |a, b| starts(b, a))
    }),
    function("coincides", &["point1", "point2"], |_, args| {
        related(args, coincides)
    }),
    function("coincides", &["range1", "range2"], |_, args| {
        related(args, coincides)
    }),
];

/// A point or a range.
#[derive(Clone, Copy)]
enum Place<'a> {
    Point(&'a Val),
    Range(&'a Range),
}

use Place::{Point, Range as Span};

impl<'a> Place<'a> {
    fn of(value: &'a Val) -> Place<'a> {
        match value {
            Val::Range(range) => Span(range),
            point => Point(point),
        }
    }

    /// A value that tells of what kind the place is.
    fn sample(self) -> &'a Val {
        match self {
            Point(value) => value,
            Span(range) => &range.start.value,
        }
    }
}

/// Whether the two lie so to each other; `None` if they can't be compared or the relation isn't for them.
fn related(args: &[Val], relation: fn(Place<'_>, Place<'_>) -> Option<bool>) -> Reply {
    let [a, b] = args else { return Ok(None) };
    let (a, b) = (Place::of(a), Place::of(b));
    let point = |v: &Val| v.is_comparable() && !matches!(v, Val::String(_) | Val::List(_));
    if !point(a.sample()) || !a.sample().same_kind(b.sample()) {
        return Ok(None);
    }
    Ok(relation(a, b).map(Val::Boolean))
}

fn ranges(args: &[Val], relation: fn(&Range, &Range) -> bool) -> Reply {
    match args {
        [Val::Range(a), Val::Range(b)] if a.start.value.same_kind(&b.start.value) => {
            Ok(Some(Val::Boolean(relation(a, b))))
        }
        _ => Ok(None),
    }
}

fn less(a: &Val, b: &Val) -> bool {
    a.order(b) == Some(Ordering::Less)
}

fn before(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    Some(match (a, b) {
        (Span(a), Span(b)) => {
            less(&a.end.value, &b.start.value)
                || (!a.end.closed || !b.start.closed) && a.end.value == b.start.value
        }
        (Point(a), Span(b)) => less(a, &b.start.value) || (*a == b.start.value && !b.start.closed),
        (Span(a), Point(b)) => less(&a.end.value, b) || (a.end.value == *b && !a.end.closed),
        (Point(a), Point(b)) => less(a, b),
    })
}

fn after(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    before(b, a)
}

fn meets(a: &Range, b: &Range) -> bool {
    a.end.closed && b.start.closed && a.end.value == b.start.value
}

/// Whether the end of one lies behind the start of the other.
fn reaches(a: &Range, b: &Range) -> bool {
    less(&b.start.value, &a.end.value) || meets(a, b)
}

fn overlaps(a: &Range, b: &Range) -> bool {
    reaches(a, b) && reaches(b, a)
}

fn overlaps_before(a: &Range, b: &Range) -> bool {
    let starts_before = less(&a.start.value, &b.start.value)
        || (a.start.value == b.start.value && a.start.closed && !b.start.closed);
    let ends_before =
        less(&a.end.value, &b.end.value) || (a.end.value == b.end.value && (!a.end.closed || b.end.closed));
    starts_before && reaches(a, b) && ends_before
}

fn overlaps_after(a: &Range, b: &Range) -> bool {
    let starts_after = less(&b.start.value, &a.start.value)
        || (b.start.value == a.start.value && b.start.closed && !a.start.closed);
    let ends_after =
        less(&b.end.value, &a.end.value) || (b.end.value == a.end.value && (!b.end.closed || a.end.closed));
    starts_after && reaches(b, a) && ends_after
}

/// Whether one begins no later than the other.
fn starts_by(a: &Range, b: &Range) -> bool {
    less(&a.start.value, &b.start.value)
        || (a.start.value == b.start.value && (a.start.closed || !b.start.closed))
}

/// Whether one ends no earlier than the other.
fn ends_by(a: &Range, b: &Range) -> bool {
    less(&b.end.value, &a.end.value) || (a.end.value == b.end.value && (a.end.closed || !b.end.closed))
}

fn same_start(a: &Range, b: &Range) -> bool {
    a.start.value == b.start.value && a.start.closed == b.start.closed
}

fn same_end(a: &Range, b: &Range) -> bool {
    a.end.value == b.end.value && a.end.closed == b.end.closed
}

fn finishes(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    match (a, b) {
        (Span(a), Span(b)) => {
            let later = less(&b.start.value, &a.start.value)
                || (a.start.value == b.start.value && (!a.start.closed || b.start.closed));
            Some(same_end(a, b) && later)
        }
        (Point(a), Span(b)) => Some(b.end.closed && b.end.value == *a),
        _ => None,
    }
}

fn finished_by(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    match (a, b) {
        (Span(a), Span(b)) => Some(same_end(a, b) && starts_by(a, b)),
        (Span(a), Point(b)) => Some(a.end.closed && a.end.value == *b),
        _ => None,
    }
}

fn includes(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    match (a, b) {
        (Span(a), Span(b)) => Some(starts_by(a, b) && ends_by(a, b)),
        (Span(a), Point(b)) => Some(
            (less(&a.start.value, b) && less(b, &a.end.value))
                || (a.start.value == *b && a.start.closed)
                || (a.end.value == *b && a.end.closed),
        ),
        _ => None,
    }
}

fn starts(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    match (a, b) {
        (Span(a), Span(b)) => {
            let shorter = less(&a.end.value, &b.end.value)
                || (a.end.value == b.end.value && (!a.end.closed || b.end.closed));
            Some(same_start(a, b) && shorter)
        }
        (Point(a), Span(b)) => Some(b.start.value == *a && b.start.closed),
        _ => None,
    }
}

fn coincides(a: Place<'_>, b: Place<'_>) -> Option<bool> {
    match (a, b) {
        (Span(a), Span(b)) => Some(same_start(a, b) && same_end(a, b)),
        (Point(a), Point(b)) => Some(a == b),
        _ => None,
    }
}
