//! The tiles of HiPS against astropy-healpix and reproject: where on the sky their pixels are, their files, and the plane that they are windows of.

use std::collections::HashSet;

use serde_json::Value;
use skymosaic::{Error, Frame, HipsGrid, HipsProperties, HipsTile};

/// Positions in degrees, of this program and of others, are as exact as doubles: of the smallest tiles that is less than 1e-9 pixel.
const DEGREES: f64 = 2e-13;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Degrees between two directions.
fn apart([lon, lat]: [f64; 2], [l, b]: [f64; 2]) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin();
    let a = half(lat, b).powi(2) + lat.to_radians().cos() * b.to_radians().cos() * half(lon, l).powi(2);
    2.0 * a.sqrt().min(1.0).asin().to_degrees()
}

#[test]
fn pixels_are_where_astropy_and_reproject_have_them() {
    let text = include_str!("golden/hips_grid.json");
    let index: Value = serde_json::from_str(text).unwrap();
    let cases = index["cases"].as_array().unwrap();
    assert!(cases.len() > 150);
    let mut worst = (0.0, String::new());
    let (mut failures, mut by_reproject) = (Vec::new(), 0);
    for case in cases {
        let number = |name: &str| case[name].as_u64().unwrap();
        let frame = if case["frame"] == "galactic" { Frame::Galactic } else { Frame::Icrs };
        let (order, width) = (number("order") as u8, number("width") as usize);
        let grid = HipsGrid::new(order, width, &frame).unwrap();
        let tile = HipsTile::new(order, number("number")).unwrap();
        let window = grid.window(tile).unwrap();
        assert_eq!(tile.path("fits").to_str(), case["path"].as_str());
        let pixel_size = 45.0 / (width << order) as f64;
        let limit = f64::max(1e-9, DEGREES / pixel_size);
        let places: Vec<Vec<f64>> = case["places"].as_array().unwrap().iter().map(numbers).collect();
        let mut sources = vec![([numbers(&case["lon"]), numbers(&case["lat"])], 0.0)];
        if let Some(positions) = case.get("reproject") {
            // Towards a pole wcslib loses digits, in 1 - sin δ.
            sources.push(([numbers(&positions[0]), numbers(&positions[1])], f64::EPSILON.to_degrees() / pixel_size));
            by_reproject += 1;
        }
        for ([lons, lats], lost) in sources {
            for (place, (lon, lat)) in places.iter().zip(lons.into_iter().zip(lats)) {
                let limit = limit.max(lost / lat.to_radians().cos());
                let [x, y] = [window.x0 as f64 + place[0], window.y0 as f64 + place[1]];
                let name = format!("order {order} width {width} tile {} pixel {place:?} at {lon} {lat}", tile.number());
                let (mut l, mut b) = ([x], [y]);
                grid.wcs().pixel_to_celestial(&mut l, &mut b);
                let off = apart([lon, lat], [l[0], b[0]]) / pixel_size;
                if !(off <= limit) {
                    failures.push(format!("{name}: ours is {} {}, {off} pixels off", l[0], b[0]));
                }
                if off / limit > worst.0 {
                    worst = (off / limit, name.clone());
                }
                let (mut px, mut py) = ([lon], [lat]);
                grid.wcs().celestial_to_pixel(&mut px, &mut py);
                let off = (px[0] - x).abs().max((py[0] - y).abs());
                // Longitudes near a pole are rounded more coarsely than directions; the plane stretches them by four at most.
                if !(off <= 4.0 * limit) {
                    failures.push(format!("{name}: the plane has it at {} {} and not {x} {y}", px[0], py[0]));
                }
            }
        }
    }
    println!("{} tiles, {by_reproject} also by reproject; worst {:.3} of the limit: {}", cases.len(), worst.0, worst.1);
    failures.iter().take(20).for_each(|failure| println!("{failure}"));
    assert!(failures.is_empty(), "{} failures", failures.len());
    assert!(by_reproject > 100);
}

#[test]
fn tiles_share_no_pixels_and_all_their_corners_are_on_the_sky() {
    for order in 0..4 {
        let grid = HipsGrid::new(order, 64, &Frame::Icrs).unwrap();
        let mut seen = HashSet::new();
        for number in 0..12 << (2 * order) {
            let tile = HipsTile::new(order, number).unwrap();
            let window = grid.window(tile).unwrap();
            assert!(seen.insert((window.x0, window.y0)));
            for [x, y] in [[0, 0], [63, 0], [0, 63], [63, 63], [20, 40]] {
                assert_eq!(grid.tile_at(window.x0 + x, window.y0 + y), Some(tile));
            }
            // Corners and sides of pixels, up to the borders of the base cells.
            let edges: Vec<f64> = (0..=64).map(|k| k as f64 - 0.5).collect();
            for y in &edges {
                let mut x: Vec<f64> = edges.iter().map(|x| x + window.x0 as f64).collect();
                let mut y = vec![y + window.y0 as f64; x.len()];
                grid.wcs().pixel_to_celestial(&mut x, &mut y);
                assert!(x.iter().chain(&y).all(|c| c.is_finite()), "order {order} tile {number}");
            }
        }
        assert_eq!(HipsTile::new(order, 12 << (2 * order)), None);
        let empty = (0..grid.side()).step_by(32).flat_map(|y| (0..grid.side()).step_by(32).map(move |x| [x, y]));
        for [x, y] in empty.filter(|[x, y]| grid.tile_at(*x, *y).is_none()) {
            let (mut lon, mut lat) = ([x as f64], [y as f64]);
            grid.wcs().pixel_to_celestial(&mut lon, &mut lat);
            assert!(lon[0].is_nan() && lat[0].is_nan(), "({x}, {y}) is at {} {}", lon[0], lat[0]);
        }
    }
}

#[test]
fn children_fill_their_parent() {
    let (coarse, fine) =
        (HipsGrid::new(4, 128, &Frame::Galactic).unwrap(), HipsGrid::new(5, 128, &Frame::Galactic).unwrap());
    for number in (0..12 << 8).step_by(7) {
        let parent = HipsTile::new(4, number).unwrap();
        let window = coarse.window(parent).unwrap();
        let quarters = parent.children().unwrap().map(|child| fine.window(child).unwrap());
        let [x, y] = [2 * window.x0, 2 * window.y0];
        let places = [[x, y + 128], [x, y], [x + 128, y + 128], [x + 128, y]];
        assert_eq!(quarters.map(|quarter| [quarter.x0, quarter.y0]), places, "{parent:?}");
        assert!(parent.children().unwrap().iter().all(|child| child.parent() == Some(parent)));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (order, width, frame, named) in [
        (3, 500, Frame::Icrs, "hips_tile_width"),
        (3, 32, Frame::Icrs, "hips_tile_width"),
        (3, 2048, Frame::Icrs, "hips_tile_width"),
        (21, 512, Frame::Icrs, "hips_order"),
        (255, 64, Frame::Icrs, "hips_order"),
        (3, 512, Frame::FK5_J2000, "hips_frame"),
        (3, 512, Frame::Ecliptic { equinox: 1950.0 }, "hips_frame"),
    ] {
        let error = HipsGrid::new(order, width, &frame).unwrap_err();
        assert!(matches!(&error, Error::Option { option, .. } if *option == named), "{error}");
    }
    assert!(HipsGrid::new(20, 512, &Frame::Icrs).is_ok() && HipsGrid::new(23, 64, &Frame::Galactic).is_ok());
    assert_eq!(HipsTile::new(30, 0), None);
}

#[test]
fn properties_keep_what_they_do_not_know() {
    let text = "# comment = no\ncreator_did          = ivo://x/P/y\n\nhips_frame=ecliptic\n  obs_title = a = b  \nhips_order = 11\nhips_tile_format = png jpeg fits\n\u{e9}\u{e9} = \u{fc}\n";
    let mut properties = HipsProperties::parse(text);
    assert_eq!(properties.order().unwrap(), 11);
    assert_eq!(properties.tile_width().unwrap(), 512);
    assert_eq!(properties.frame().unwrap(), Frame::Ecliptic { equinox: 2000.0 });
    assert_eq!(properties.formats(), ["png", "jpg", "fits"]);
    assert_eq!(properties.get("obs_title"), Some("a = b"));
    assert_eq!(properties.get("# comment"), None);
    assert_eq!(HipsProperties::parse(&properties.to_string()), properties);
    properties.set("hips_order", "thirty");
    properties.set("hips_frame", "C");
    properties.set("hips_tile_width", 500);
    for error in
        [properties.order().unwrap_err(), properties.frame().unwrap_err(), properties.tile_width().unwrap_err()]
    {
        assert!(matches!(error, Error::Keyword { .. }), "{error}");
    }
    properties.set("note", "two\nlines");
    assert_eq!(HipsProperties::parse(&properties.to_string()), properties);
}
