//! Plots of ordinary and of awkward data.

use proptest::prelude::*;

use super::*;

/// What must hold of every plot: no number that is none, no unescaped data, every tag closed.
#[track_caller]
fn check(svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
    for bad in ["NaN", "inf", "<script", "onload="] {
        assert!(!svg.contains(bad), "{bad} in {svg}");
    }
    let opened = svg.matches("<text").count();
    assert_eq!(opened, svg.matches("</text>").count());
}

fn interval(value: f64) -> Interval {
    Interval { value, low: value - 3.0, high: value + 3.0 }
}

const HOSTILE: &str = "</text><script>alert(1)</script>";

#[test]
fn empty_plots_are_plots() {
    check(&scatter(&[], Path::None, "x", "y"));
    check(&bars(&[], &[]));
    check(&forest(&[], &[], "x"));
    check(&stacks(&[], &[]));
    check(&histogram(&[], "x", "y"));
    check(&curves(&[], "x", "y"));
    check(&square(&[], "x", "y"));
}

#[test]
fn names_are_escaped() {
    let name = HOSTILE.to_owned();
    let point = Point { name: name.clone(), series: 0, x: interval(50.0), y: interval(50.0) };
    check(&scatter(&[point], Path::None, HOSTILE, HOSTILE));
    let bar = Bar { series: 9, rate: interval(10.0) };
    let group = BarGroup { name: name.clone(), bars: vec![bar] };
    check(&bars(std::slice::from_ref(&group), std::slice::from_ref(&name)));
    check(&forest(&[group], &vec![name.clone(); 10], HOSTILE));
    let stack = Stack { name: name.clone(), parts: vec![1], total: 2 };
    check(&stacks(&[stack], std::slice::from_ref(&name)));
    let series = Series { name, values: vec![1.0] };
    check(&histogram(&[series], HOSTILE, HOSTILE));
    let curve = Curve::dotted(HOSTILE, vec![(0.0, 1.0)]);
    check(&curves(&[curve.clone(), curve.clone()], HOSTILE, HOSTILE));
    check(&square(&[curve], HOSTILE, HOSTILE));
}

#[test]
fn a_scatter_shows_each_point_with_both_error_bars_and_an_arrow() {
    let points = [(20.0, 30.0), (80.0, 90.0)].map(|(x, y)| Point {
        name: "p".to_owned(),
        series: 0,
        x: interval(x),
        y: interval(y),
    });
    let alone = scatter(&points, Path::None, "x", "y");
    assert_eq!(alone.matches("class=\"arrow\"").count(), 0);
    let svg = scatter(&points, Path::FirstToLast, "x", "y");
    assert_eq!(svg.matches("<circle").count(), 2);
    assert_eq!(svg.matches("class=\"whisker").count(), 4);
    assert_eq!(svg.matches("class=\"arrow\"").count(), 3);
}

#[test]
fn a_bar_is_as_long_as_its_rate() {
    let group = |rate| BarGroup { name: "b".to_owned(), bars: vec![Bar { series: 0, rate }] };
    let svg = bars(&[group(interval(50.0))], &[]);
    assert!(svg.contains("<rect class=\"s0\" x=\"10\" y=\"21\" width=\"199\""), "{svg}");
}

#[test]
fn differences_stand_about_zero_and_only_their_runs_are_named() {
    let change = |series, value| Bar { series, rate: interval(value) };
    let group = BarGroup { name: "b".to_owned(), bars: vec![change(1, -27.0), change(2, 7.0)] };
    let runs = ["first", "second", "third"].map(str::to_owned);
    let svg = forest(&[group], &runs, "points");
    assert!(!svg.contains(">first<"), "{svg}");
    assert_eq!(svg.matches("class=\"label\"").count(), 2);
    assert_eq!((svg.matches("<circle").count(), svg.matches("class=\"whisker").count()), (2, 2));
    // From -30 to 10, with a twentieth of that at both ends.
    assert!(svg.contains("<line class=\"zero\" x1=\"299.45\""), "{svg}");
    assert!(svg.contains("\u{2212}27.0") && svg.contains("+7.0"), "{svg}");
}

#[test]
fn sparse_curves_have_dots_and_several_have_a_legend() {
    let points = vec![(0.0, 2.0), (1.0, 1.0), (2.0, 1.5)];
    let (noisy, plain) = (Curve::noisy("n", points.clone()), Curve::dotted("p", points));
    let alone = curves(std::slice::from_ref(&noisy), "x", "y");
    assert_eq!((alone.matches("<path").count(), alone.matches("<rect").count()), (2, 0));
    let both = curves(&[noisy, plain], "x", "y");
    assert_eq!((both.matches("<path").count(), both.matches("<rect").count()), (3, 2));
    assert_eq!(both.matches("<circle").count(), 3);
}

#[test]
fn scattered_points_are_marked_and_not_joined() {
    let points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i % 10) / 10.0, 0.5)).collect();
    let scattered = [Curve::scattered("s", points)];
    for svg in [square(&scattered, "x", "y"), curves(&scattered, "x", "y")] {
        assert_eq!(svg.matches("<circle").count(), 100, "{svg}");
        assert!(!svg.contains("class=\"curve"), "{svg}");
    }
}

#[test]
fn a_square_has_a_diagonal_and_marks_single_points() {
    let curve = Curve::smooth("a", vec![(0.0, 0.0), (0.5, 1.0), (1.0, 1.0)]);
    let svg = square(&[curve, Curve::dotted("b", vec![(0.25, 0.75)])], "x", "y");
    assert_eq!((svg.matches("<path").count(), svg.matches("<circle").count()), (1, 1));
    // From (0, 0) at the lower left to (1, 1) at the upper right.
    let diagonal = r#"<line class="diagonal" x1="58" y1="418" x2="446" y2="30"/>"#;
    assert!(svg.contains(diagonal), "{svg}");
    assert!(svg.contains("cx=\"155\" cy=\"127\""), "{svg}");
}

#[test]
fn extreme_ranges_have_few_ticks() {
    for ends in [
        [f64::MIN, f64::MAX],
        [-1.0, f64::MAX],
        [0.0, 5e-324],
        [1e300, 1e300],
        [1e17, 1e17 + 16.0],
        [f64::MAX, f64::MIN],
    ] {
        let ticks = axis::Scale::new(ends[0], ends[1], 0.0, 1.0).ticks(5.0);
        assert!(ticks.len() <= 7 && ticks.iter().all(|t| t.is_finite()), "{ends:?}: {ticks:?}");
        let points: Vec<_> = ends.iter().enumerate().map(|(i, y)| (i as f64, *y)).collect();
        let both = [Curve::noisy("n", points.clone()), Curve::dotted("p", points)];
        check(&curves(&both, "x", "y"));
        check(&histogram(&[Series { name: "n".to_owned(), values: ends.to_vec() }], "x", "y"));
    }
}

proptest! {
    #[test]
    fn no_data_breaks_a_plot(
        values in prop::collection::vec(prop::num::f64::ANY, 0..20),
        counts in prop::collection::vec(any::<u32>(), 0..5),
    ) {
        let interval = |v: f64| Interval { value: v, low: v - 1.0, high: v + 1.0 };
        let name = || "n".to_owned();
        let points: Vec<Point> = values
            .iter()
            .map(|&v| Point { name: name(), series: 0, x: interval(v), y: interval(v / 2.0) })
            .collect();
        check(&scatter(&points, Path::FirstToLast, "x", "y"));
        let group = BarGroup {
            name: name(),
            bars: values.iter().map(|&v| Bar { series: 0, rate: interval(v) }).collect(),
        };
        check(&bars(std::slice::from_ref(&group), &[name()]));
        check(&forest(&[group], &[name()], "x"));
        let parts: Vec<u64> = counts.iter().map(|&c| u64::from(c)).collect();
        let total = parts.iter().sum();
        check(&stacks(&[Stack { name: name(), parts, total }], &vec![name(); counts.len()]));
        check(&histogram(&[Series { name: name(), values: values.clone() }], "x", "y"));
        let points: Vec<_> = values.iter().enumerate().map(|(i, &v)| (i as f64, v)).collect();
        let both = [Curve::noisy("n", points.clone()), Curve::dotted("p", points)];
        check(&square(&both, "x", "y"));
        check(&curves(&both, "x", "y"));
    }
}
