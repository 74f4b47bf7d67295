//! The table of a mosaic's inputs.

use crate::{Column, Plan, Summary, Window};

impl Plan<'_> {
    /// The columns of a table that lists the inputs, one a row: FILE and HDU (-1 of an array, whose name stands for the file), WEIGHTS
    /// (file, "array" or nothing), X0, Y0, NX, NY (the hull of its sub-grids of the output, pixels from 0; NX = NY = 0 if it has none),
    /// PIXELS (output pixels that got a sample), SCALE, SKY and EXPOSURE where any input has them, COORDERR (largest coordinate error found, in input pixels), and if backgrounds were
    /// matched BACKGRND, what was subtracted at the centre of the target, and SLOPE_X and SLOPE_Y, how it changes per output pixel, a number for
    /// each plane of a cube, and GROUP (of the first plane). [`FitsOutput::append_table`](crate::FitsOutput::append_table) writes it.
    pub fn input_table(&self, summary: &Summary) -> Vec<Column> {
        let inputs = self.inputs();
        let of = |text: &dyn Fn(&crate::Input<'_>) -> String| inputs.iter().map(text).collect::<Vec<_>>();
        let hulls: Vec<Window> = summary
            .inputs
            .iter()
            .map(|input| input.bounds.iter().copied().reduce(|a, b| a.hull(&b)).unwrap_or_default())
            .collect();
        let side = |name: &str, of: fn(&Window) -> usize| {
            Column::integer(name, "pix", hulls.iter().map(|hull| of(hull) as i64).collect())
        };
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let file = |input: &crate::Input<'_>| {
            input.file().map_or_else(|| input.name().to_owned(), |(path, _)| path.display().to_string())
        };
        let weights = |input: &crate::Input<'_>| match input.weights_file() {
            None => String::new(),
            Some(None) => "array".to_owned(),
            Some(Some(path)) => path.display().to_string(),
        };
        let hdus = inputs.iter().map(|input| input.file().map_or(-1, |(_, number)| number as i64));
        let errors = summary.inputs.iter().map(|input| input.max_coordinate_error);
        let mut columns = vec![
            Column::text("FILE", of(&file)),
            Column::integer("HDU", "", hdus.collect()),
            Column::text("WEIGHTS", of(&weights)),
            side("X0", |hull| hull.x0),
            side("Y0", |hull| hull.y0),
            side("NX", |hull| hull.nx),
            side("NY", |hull| hull.ny),
            Column::integer("PIXELS", "", summary.inputs.iter().map(|input| count(input.resampled_pixels)).collect()),
            Column::float("SCALE", "", 1, inputs.iter().map(|input| input.scale()).collect()),
        ];
        if inputs.iter().any(|input| input.sky() != 0.0) {
            columns.push(Column::float("SKY", "", 1, inputs.iter().map(|input| input.sky()).collect()));
        }
        if inputs.iter().any(|input| input.exposure().is_some()) {
            columns.push(Column::text("EXPOSURE", of(&|input| input.exposure().unwrap_or_default().to_owned())));
        }
        columns.push(Column::float("COORDERR", "pix", 1, errors.collect()));
        if let Some(backgrounds) = summary.backgrounds.as_ref().filter(|backgrounds| !backgrounds.planes.is_empty()) {
            let planes = &backgrounds.planes;
            let each = |name: &str, of: &dyn Fn(&crate::Correction) -> f64| {
                let rows = (0..inputs.len())
                    .flat_map(|input| planes.iter().map(move |plane| plane.corrections.get(input).map_or(0.0, of)));
                Column::float(name, "", planes.len(), rows.collect())
            };
            columns.push(each("BACKGRND", &|correction| correction.offset));
            columns.push(each("SLOPE_X", &|correction| correction.slope[0]));
            columns.push(each("SLOPE_Y", &|correction| correction.slope[1]));
            let mut group_of = vec![0; inputs.len()];
            for (number, group) in planes.iter().take(1).flat_map(|plane| plane.groups.iter().enumerate()) {
                for input in group {
                    if let Some(of) = group_of.get_mut(*input) {
                        *of = number as i64;
                    }
                }
            }
            columns.push(Column::integer("GROUP", "", group_of));
        }
        columns
    }
}
