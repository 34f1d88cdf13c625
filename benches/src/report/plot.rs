//! The plots, as SVG.

use std::{error::Error, path::Path};

use plotters::prelude::*;

const WIDTH: u32 = 820;
const INK: RGBColor = RGBColor(51, 51, 51);
/// Colours that are told apart without seeing red or green.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

/// One bar: what it is about, its value, and its least and greatest value.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: crate::stats::Spread,
    /// Which of the colours.
    pub(crate) colour: usize,
}

/// Horizontal bars, each with a line from the least to the greatest value.
#[allow(clippy::cast_possible_truncation)] // pixels
pub(crate) fn bars(file: &Path, title: &str, bars: &[Bar]) -> Result<(), Box<dyn Error>> {
    const ROW: i32 = 24;
    const LEFT: i32 = 300;
    const TOP: i32 = 50;
    let height = u32::try_from(TOP + ROW * i32::try_from(bars.len())? + 20)?;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
    area.draw_text(title, &text(18), (20, 16))?;
    let greatest = bars.iter().map(|bar| bar.value.greatest).fold(1e-9, f64::max);
    let x = |value: f64| LEFT + (value / greatest * f64::from(WIDTH.cast_signed() - LEFT - 90)) as i32;
    for (row, Bar { label, value, colour }) in bars.iter().enumerate() {
        let y = TOP + ROW * i32::try_from(row)?;
        area.draw_text(label, &text(13), (20, y + 4))?;
        let colour = COLOURS[colour % COLOURS.len()];
        area.draw(&Rectangle::new([(LEFT, y), (x(value.median), y + ROW - 6)], colour.filled()))?;
        let (middle, ends) = (y + (ROW - 6) / 2, (x(value.least), x(value.greatest)));
        area.draw(&PathElement::new([(ends.0, middle), (ends.1, middle)], INK))?;
        let digits = if value.median < 100.0 { 2 } else { 0 };
        area.draw_text(&format!("{:.digits$}", value.median), &text(13), (ends.1 + 6, y + 4))?;
    }
    Ok(area.present()?)
}

/// A line for each series; both axes are logarithmic.
pub(crate) fn lines(
    file: &Path,
    title: &str,
    (x_title, y_title): (&str, &str),
    series: &[(String, Vec<(f64, f64)>)],
) -> Result<(), Box<dyn Error>> {
    let points = || series.iter().flat_map(|(_, points)| points.iter().copied());
    let range = |of: fn((f64, f64)) -> f64| {
        let values = || points().map(of);
        (values().fold(f64::MAX, f64::min) * 0.9)..(values().fold(0.0, f64::max) * 1.2)
    };
    let area = SVGBackend::new(file, (WIDTH, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(range(|(x, _)| x).log_scale(), range(|(_, y)| y).log_scale())?;
    chart.configure_mesh().x_desc(x_title).y_desc(y_title).light_line_style(WHITE).draw()?;
    for (at, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(4))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    let labels = SeriesLabelPosition::UpperLeft;
    chart.configure_series_labels().position(labels).border_style(INK).background_style(WHITE).draw()?;
    Ok(area.present()?)
}
