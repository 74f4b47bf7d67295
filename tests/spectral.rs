//! Cubes whose planes are not those of the target: against reproject_interp, against single planes that are blended one voxel after another, and that
//! nothing depends on who computes what.

mod common;
mod random;

use std::sync::Arc;

use common::{Golden, worst};
use ndarray::{Array2, Array3, Array4, ArrayD, ArrayView3, Axis, IxDyn};
use skymosaic::{
    Combine, CoordinateError, Error, FitsImage, FitsOutput, Hdu, Header, Input, Intermediate, MatchBackground,
    Matching, Missing, Options, Parallel, Plan, Planes, Resample, SpectralInterpolation, Wcs, Window,
    reproject_and_coadd,
};

/// Agreement with reproject_interp, relative to the pixel.
const RELATIVE: f64 = 1e-9;

fn read_wcs(golden: &Golden, field: &serde_json::Value) -> Wcs {
    let text = std::fs::read_to_string(golden.path(field)).unwrap();
    Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
}

#[test]
fn cubes_are_those_of_reproject_interp() {
    let golden = Golden::open("cubes");
    for case in golden.cases() {
        let image = golden.array(&case["image"]);
        let (wcs, target) = (read_wcs(&golden, &case["header"]), read_wcs(&golden, &case["target"]));
        let wanted = golden.array(&case["array"]);
        let nearest = case["order"] == "nearest-neighbor";
        let (resample, spectral) = if nearest {
            (Resample::Nearest, SpectralInterpolation::Nearest)
        } else {
            (Resample::Bilinear, SpectralInterpolation::Linear)
        };
        let options = Options::default()
            .resample(resample)
            .spectral_interpolation(spectral)
            .coordinate_error(CoordinateError::Exact);
        let mut shape = target.leading_shape().unwrap();
        shape.extend(target.shape().unwrap());
        assert_eq!(shape, wanted.shape());
        let (mut output, mut footprint) = (ArrayD::<f64>::zeros(IxDyn(&shape)), ArrayD::<f64>::zeros(IxDyn(&shape)));
        let inputs = [Input::from_array(image.view(), wcs)];
        reproject_and_coadd(&inputs, &target, output.view_mut(), footprint.view_mut(), &options)
            .unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        let found = worst(output.view(), wanted.view(), |_| false);
        println!("{:>20}: {found}", case["name"].as_str().unwrap());
        assert!(found.relative <= RELATIVE, "{}: {found}", case["name"]);
        for ((at, footprint), value) in footprint.indexed_iter().zip(&output) {
            assert_eq!(*footprint, f64::from(u8::from(!value.is_nan())), "{} at {at:?}", case["name"]);
        }
    }
}

/// A cube's header: spectral axis by type, value at the first channel and step.
fn header([ny, nx]: [usize; 2], rotation: f64, channels: usize, (ctype, value, step): (&str, f64, f64)) -> Header {
    let (sin, cos) = rotation.to_radians().sin_cos();
    Header::parse(&format!(
        "NAXIS = 3\nNAXIS1 = {nx}\nNAXIS2 = {ny}\nNAXIS3 = {channels}\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCTYPE3 = '{ctype}'\n\
         CRVAL1 = 40.0\nCRVAL2 = 30.0\nCRVAL3 = {value}\nCRPIX1 = {}\nCRPIX2 = {}\nCRPIX3 = 1.0\nCDELT1 = -0.01\nCDELT2 = 0.01\nCDELT3 = {step}\n\
         PC1_1 = {cos}\nPC1_2 = {}\nPC2_1 = {sin}\nPC2_2 = {cos}\nRESTFRQ = 1.1e11\nSPECSYS = 'LSRK'\n",
        nx as f64 / 2.0,
        ny as f64 / 2.0,
        -sin
    ))
    .unwrap()
}

fn wcs(plane: [usize; 2], rotation: f64, channels: usize, axis: (&str, f64, f64)) -> Wcs {
    Wcs::from_header(&header(plane, rotation, channels, axis)).unwrap()
}

const TARGET: [usize; 2] = [40, 44];
const CHANNELS: usize = 11;

fn target() -> Wcs {
    wcs(TARGET, 0.0, CHANNELS, ("VRAD", 1000.0, 130.0))
}

struct Cube {
    wcs: Wcs,
    image: Array3<f32>,
    weights: Array3<f32>,
    variance: Array3<f32>,
    mask: Array3<i16>,
}

/// Three cubes of different channels, in one of which part of the pixels are missing, weightless, of no variance, or flagged.
fn cubes(missing: f64) -> Vec<Cube> {
    let axes =
        [("VRAD", 900.0, 200.0), ("VRAD", 2400.0, -97.0), ("FREQ", 1.1e11 * (1.0 - 1800.0 / 299_792_458.0), -40e3)];
    let mut random = random::Random(20_261_125);
    let shapes = [[7, 30, 33], [9, 36, 31], [8, 33, 35]];
    let cube = |(k, (axis, shape)): (usize, ((&str, f64, f64), [usize; 3]))| {
        let mut numbers = |low: f64, high: f64| Array3::from_shape_fn(shape, |_| random.between(low, high));
        let mut image = numbers(50.0, 150.0).mapv(|v| v as f32);
        let mut weights = numbers(0.5, 2.0).mapv(|v| v as f32);
        let mut variance = numbers(1.0, 4.0).mapv(|v| v as f32);
        let mask = numbers(0.0, 1.0).mapv(|v| if v < missing { i16::MIN } else { (v * 8.0) as i16 });
        for (k, dice) in numbers(0.0, 1.0).iter().enumerate() {
            let at = [k / shape[2] / shape[1], k / shape[2] % shape[1], k % shape[2]];
            match dice {
                d if *d < 0.5 * missing => image[at] = f32::NAN,
                d if *d < 0.75 * missing => weights[at] = 0.0,
                d if *d < missing => variance[at] = -1.0,
                _ => {}
            }
        }
        Cube { wcs: wcs([shape[1], shape[2]], 12.0 * k as f64, shape[0], axis), image, weights, variance, mask }
    };
    axes.into_iter().zip(shapes).enumerate().map(cube).collect()
}

impl Cube {
    fn input(&self) -> Input<'_> {
        Input::from_array(self.image.view(), self.wcs.clone())
            .with_weights(self.weights.view())
            .with_variance(self.variance.view())
            .with_mask(self.mask.view())
    }
}

/// Mosaic, footprint, variance, flags and number.
#[derive(Clone, Debug)]
struct Made {
    values: [Array3<f64>; 3],
    words: [Array3<i32>; 2],
}

fn made(inputs: &[Input<'_>], target: &Wcs, planes: usize, options: &Options) -> Made {
    let shape = (planes, TARGET[0], TARGET[1]);
    let mut made =
        Made { values: [(); 3].map(|()| Array3::zeros(shape)), words: [(); 2].map(|()| Array3::zeros(shape)) };
    let ([mosaic, footprint, variance], [mask, count]) = (&mut made.values, &mut made.words);
    let wanted = Planes::default().variance(variance.view_mut()).mask(mask.view_mut()).count(count.view_mut());
    let plan = Plan::new(inputs, target, &[shape.0, shape.1, shape.2], options).unwrap();
    plan.run_with(mosaic.view_mut(), Some(footprint.view_mut()), wanted).unwrap();
    made
}

/// What one cube has at every voxel of the target, made of its planes, each resampled as an image, blended voxel by voxel: value, weight, variance, flags.
fn blended(cube: &Cube, options: &Options) -> Vec<Option<(f64, f64, f64, i32)>> {
    let plane = |k: usize| {
        let wcs = cube.wcs.clone().celestial();
        let [image, weights, variance] = [&cube.image, &cube.weights, &cube.variance].map(|a| a.index_axis(Axis(0), k));
        let mask = cube.mask.index_axis(Axis(0), k);
        let input = Input::from_array(image, wcs).with_weights(weights).with_variance(variance).with_mask(mask);
        made(&[input], &target().celestial(), 1, options)
    };
    let planes: Vec<Made> = (0..cube.image.len_of(Axis(0))).map(plane).collect();
    // Positions by the values of the axes, which are compared with wcslib's elsewhere.
    let (theirs, own) = (&target().leading_axes()[0].clone(), &cube.wcs.leading_axes()[0]);
    let mut positions: Vec<f64> = (0..CHANNELS).map(|k| k as f64).collect();
    theirs.pixel_to_world(&mut positions).unwrap();
    if own.ctype() == "FREQ" {
        positions.iter_mut().for_each(|v| *v = 1.1e11 * (1.0 - *v / 299_792_458.0));
    }
    own.world_to_pixel(&mut positions).unwrap();
    let mut voxels = Vec::new();
    for position in positions {
        let last = planes.len() as f64 - 1.0;
        let inside = position >= -0.5 && position < last + 0.5;
        let taps: Vec<(usize, f64)> = match options.spectral_interpolation {
            SpectralInterpolation::Nearest => vec![((position + 0.5).floor() as usize, 1.0)],
            _ => {
                let position = position.clamp(0.0, last);
                let below = position.floor();
                let taps = [(below as usize, 1.0 - position.fract()), (below as usize + 1, position.fract())];
                taps.into_iter().filter(|(_, weight)| *weight > 0.0).collect()
            }
        };
        for (y, x) in (0..TARGET[0]).flat_map(|y| (0..TARGET[1]).map(move |x| (y, x))) {
            let at = [0, y, x];
            let mut voxel = (0.0, 0.0, 0.0, 0);
            let there = inside && taps.iter().all(|(plane, _)| planes[*plane].values[1][at] > 0.0);
            for (plane, weight) in taps.iter().filter(|_| there) {
                let Made { values: [value, footprint, variance], words: [mask, _] } = &planes[*plane];
                voxel.0 += weight * value[at];
                voxel.1 += weight * footprint[at];
                voxel.2 += weight * weight * variance[at];
                voxel.3 |= mask[at];
            }
            voxels.push(there.then_some(voxel));
        }
    }
    voxels
}

#[test]
fn planes_are_blended_as_their_samples_would_be() {
    let kernels = [Resample::Nearest, Resample::Bilinear, Resample::Bicubic, Resample::Lanczos3, Resample::Exact];
    for (resample, spectral) in kernels
        .into_iter()
        .map(|kernel| (kernel, SpectralInterpolation::Linear))
        .chain([(Resample::Bilinear, SpectralInterpolation::Nearest)])
    {
        let options = Options::default().resample(resample).spectral_interpolation(spectral).exclude_bits(1 << 15);
        // A spline goes through what stands in for missing pixels, a little, beyond the samples that are missing.
        let cubes = cubes(if resample == Resample::Bicubic { 0.0 } else { 0.02 });
        let inputs: Vec<Input<'_>> = cubes.iter().map(Cube::input).collect();
        let samples: Vec<_> = cubes.iter().map(|cube| blended(cube, &options)).collect();
        for combine in [Combine::Mean, Combine::Median, Combine::First] {
            let found = made(&inputs, &target(), CHANNELS, &options.clone().combine(combine));
            let mut off: [(f64, usize); 3] = [(0.0, 0); 3];
            for k in 0..CHANNELS * TARGET[0] * TARGET[1] {
                let at = [k / TARGET[1] / TARGET[0], k / TARGET[1] % TARGET[0], k % TARGET[1]];
                let there: Vec<_> = samples.iter().filter_map(|samples| samples[k]).collect();
                let sum = |of: &dyn Fn(&(f64, f64, f64, i32)) -> f64| there.iter().map(of).sum::<f64>();
                let weight = sum(&|s| s.1);
                let mean = sum(&|s| s.0 * s.1) / weight;
                let (wanted, variance) = match combine {
                    Combine::Mean => (mean, Some(sum(&|s| s.1 * s.1 * s.2) / (weight * weight))),
                    Combine::First => (there.first().map_or(f64::NAN, |s| s.0), there.first().map(|s| s.2)),
                    _ => {
                        let mut values: Vec<f64> = there.iter().map(|s| s.0).collect();
                        values.sort_by(f64::total_cmp);
                        let middle = values.len() / 2;
                        let median = match values.len() {
                            0 => f64::NAN,
                            n if n % 2 == 1 => values[middle],
                            _ => 0.5 * (values[middle - 1] + values[middle]),
                        };
                        (median, None)
                    }
                };
                let pairs = [
                    Some((found.values[0][at], wanted)),
                    Some((found.values[1][at], weight)),
                    variance.map(|variance| (found.values[2][at], variance)),
                ];
                for (off, (got, wanted)) in off.iter_mut().zip(pairs.into_iter().flatten()) {
                    let same = got.is_nan() && wanted.is_nan();
                    let relative = if same { 0.0 } else { (got - wanted).abs() / wanted.abs().max(1e-3) };
                    if relative.is_nan() || relative > off.0 {
                        *off = (if relative.is_nan() { f64::INFINITY } else { relative }, k);
                    }
                }
                if combine == Combine::Mean {
                    let (mask, count) = there.iter().fold((0, 0), |(mask, count), s| (mask | s.3, count + 1));
                    assert_eq!([found.words[0][at], found.words[1][at]], [mask, count], "{resample:?} at {at:?}");
                }
            }
            println!("{resample:?} {spectral:?} {combine:?}: worst value, footprint, variance and where {off:?}");
            assert!(off.iter().all(|(off, _)| *off < 1e-12), "{resample:?} {spectral:?} {combine:?}: {off:?}");
        }
        let covered = samples.iter().flatten().filter(|sample| sample.is_some()).count();
        assert!(covered > 2000, "{covered}");
    }
}

fn plain(inputs: &[Input<'_>], options: &Options) -> Array3<f64> {
    let mut mosaic = Array3::zeros((CHANNELS, TARGET[0], TARGET[1]));
    let mut footprint = mosaic.clone();
    reproject_and_coadd(inputs, &target(), mosaic.view_mut(), footprint.view_mut(), options).unwrap();
    mosaic
}

fn bits(cube: ArrayView3<'_, f64>) -> Vec<u64> {
    cube.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn bytes_do_not_depend_on_threads_tiles_windows_or_storage() {
    let cubes = cubes(0.02);
    let folder = tempfile::tempdir().unwrap();
    let inputs: Vec<Input<'_>> = cubes.iter().map(Cube::input).collect();
    let paths: Vec<_> = (0..cubes.len()).map(|k| folder.path().join(format!("{k}.fits"))).collect();
    for (cube, path) in cubes.iter().zip(&paths) {
        let mut file = FitsOutput::<f32>::create(path, &cube.wcs.to_header(), cube.image.shape(), false).unwrap();
        file.write_array(cube.image.view().into_dyn()).unwrap();
        file.publish().unwrap();
    }
    let from_files: Vec<Input<'_>> = cubes
        .iter()
        .zip(&paths)
        .map(|(cube, path)| {
            let image = FitsImage::open(path, &Hdu::First).unwrap();
            let wcs = image.wcs(None).unwrap();
            Input::from_image(image, wcs)
                .with_weights(cube.weights.view())
                .with_variance(cube.variance.view())
                .with_mask(cube.mask.view())
        })
        .collect();
    for matching in [MatchBackground::None, MatchBackground::Constant(Matching::default())] {
        let options = Options::default().match_background(matching).parallel(Parallel::Serial);
        let mosaic = plain(&inputs, &options);
        assert!(mosaic.iter().filter(|value| !value.is_nan()).count() > 5000);
        let threads = Parallel::Threads(3.try_into().unwrap());
        for (what, options) in [
            ("threads", options.clone().parallel(threads)),
            ("tiles", options.clone().tile(16)),
            ("memory", options.clone().intermediate(Intermediate::Memory)),
            ("mapped", options.clone().intermediate(Intermediate::Mapped { dir: None }).parallel(threads)),
            ("limit", options.clone().memory_limit(20 << 20)),
        ] {
            assert_eq!(bits(plain(&inputs, &options).view()), bits(mosaic.view()), "{what}");
        }
        assert_eq!(bits(plain(&from_files, &options).view()), bits(mosaic.view()), "files");
        let plan = Plan::new(&inputs, &target(), mosaic.shape(), &options).unwrap();
        let window = Window::new(7, 11, 20, 13);
        let mut part = Array3::<f64>::zeros((CHANNELS, 13, 20));
        let mut footprint = part.clone();
        plan.run_window(window, part.view_mut(), footprint.view_mut()).unwrap();
        assert_eq!(bits(part.view()), bits(mosaic.slice(ndarray::s![.., 11..24, 7..27])), "window");
    }
}

#[test]
fn the_same_channels_are_mapped_one_to_one() {
    let image = Array3::from_shape_fn((CHANNELS, 30, 33), |(k, y, x)| (k * 1000 + y * 33 + x) as f32);
    let axis = ("VRAD", 1000.0, 130.0);
    let known = [Input::from_array(image.view(), wcs([30, 33], 5.0, CHANNELS, axis))];
    let unknown = [Input::from_array(image.view(), wcs([30, 33], 5.0, CHANNELS, axis).celestial())];
    let frequency = ("FREQ", 1.1e11 * (1.0 - 1000.0 / 299_792_458.0), -1.1e11 * 130.0 / 299_792_458.0);
    let other = [Input::from_array(image.view(), wcs([30, 33], 5.0, CHANNELS, frequency))];
    let options = Options::default();
    let wanted = bits(plain(&unknown, &options).view());
    assert_eq!(bits(plain(&known, &options).view()), wanted);
    // By another type, within the rounding of its values.
    assert_eq!(bits(plain(&other, &options).view()), wanted);
    // Given positions count more than the WCS.
    let reversed = vec![(0..CHANNELS).rev().map(|k| k as f64).collect()];
    let turned = plain(&[known[0].clone().with_leading_positions(reversed)], &options);
    let mut back = plain(&known, &options);
    back.invert_axis(Axis(0));
    assert_eq!(bits(turned.view()), bits(back.view()));
}

#[test]
fn dimensions_of_one_plane_find_their_places() {
    let channels = 5;
    let plane = [20, 21];
    let image = Array4::from_shape_fn((1, channels, 20, 21), |(_, k, y, x)| (k * 1000 + y * 21 + x) as f64);
    let axis = ("VRAD", 1000.0, 130.0);
    let mut four = header(plane, 0.0, channels, axis);
    for (keyword, value) in [("CRVAL4", 1.0), ("CDELT4", 1.0), ("CRPIX4", 1.0)] {
        four.set(keyword, value, "");
    }
    four.set("CTYPE4", "STOKES", "");
    four.set("NAXIS", 4i64, "");
    four.set("NAXIS4", 1i64, "");
    let four = Wcs::from_header(&four).unwrap();
    assert_eq!(four.leading_shape(), Some(vec![1, channels]));
    let three = wcs(plane, 0.0, channels, axis);
    let run = |input: Input<'_>, target: &Wcs, planes: &[usize]| {
        let shape: Vec<usize> = planes.iter().copied().chain(plane).collect();
        let (mut mosaic, mut footprint) = (ArrayD::<f64>::zeros(IxDyn(&shape)), ArrayD::<f64>::zeros(IxDyn(&shape)));
        let options = Options::default().resample(Resample::Nearest);
        reproject_and_coadd(&[input], target, mosaic.view_mut(), footprint.view_mut(), &options).unwrap();
        mosaic
    };
    // Stokes I of a cube onto a target without Stokes parameters, and back.
    let made = run(Input::from_array(image.view(), four.clone()), &three, &[channels]);
    assert_eq!(made, image.index_axis(Axis(0), 0).into_dyn());
    let made = run(Input::from_array(image.index_axis(Axis(0), 0), three.clone()), &four, &[1, channels]);
    assert_eq!(made, image.view().into_dyn());
    // A single channel onto several: only that in which it lies.
    let one = wcs(plane, 0.0, 1, ("VRAD", 1260.0, 130.0));
    let made = run(Input::from_array(image.slice(ndarray::s![0, 2..3, .., ..]), one), &three, &[channels]);
    for (k, plane) in made.outer_iter().enumerate() {
        assert!(plane.indexed_iter().all(|(at, v)| if k == 2 {
            *v == image[[0, 2, at[0], at[1]]]
        } else {
            v.is_nan()
        }));
    }
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let image = Array3::<f32>::zeros((4, 10, 10));
    let axis = ("VRAD", 1000.0, 130.0);
    let refused = |own: &[(&str, &str)], other: &[(&str, &str)]| -> String {
        let changed = |cards: &[(&str, &str)], value: f64| {
            let mut header = header([10, 10], 0.0, 4, (axis.0, value, axis.2));
            for (keyword, value) in cards {
                header.remove(keyword);
                if let Some(value) = Header::parse(&format!("{keyword} = {value}")).unwrap().get(keyword) {
                    header.set(keyword, value.clone(), "");
                }
            }
            if let Some(empty) = cards.iter().find(|(_, value)| value.is_empty()) {
                header.remove(empty.0);
            }
            Wcs::from_header(&header).unwrap()
        };
        let (wcs, target) = (changed(own, 1000.0), changed(other, 1100.0));
        let input = [Input::from_array(image.view(), wcs).named("cube")];
        match Plan::new(&input, &target, &[4, 10, 10], &Options::default()) {
            Err(error @ Error::Input { .. }) => error.to_string(),
            other => panic!("{own:?}: {:?}", other.err()),
        }
    };
    let cases: [(&[(&str, &str)], &[(&str, &str)], &[&str]); 11] = [
        (&[("SPECSYS", "'TOPOCENT'")], &[], &["cube", "SPECSYS", "TOPOCENT", "LSRK"]),
        (&[("SSYSOBS", "'BARYCENT'")], &[("SSYSOBS", "'TOPOCENT'")], &["SSYSOBS", "BARYCENT", "TOPOCENT"]),
        (&[("RESTFRQ", "1.2e11")], &[], &["RESTFRQ", "120000000000", "110000000000"]),
        (&[("RESTFRQ", ""), ("CTYPE3", "'FREQ'")], &[("RESTFRQ", "")], &["RESTFRQ", "missing", "VRAD"]),
        (&[("CUNIT3", "'Jy'")], &[], &["CUNIT3", "Jy", "m/s"]),
        (&[("CTYPE3", "'WAVE-TAB'")], &[], &["CTYPE3", "WAVE-TAB", "tables"]),
        (&[("CTYPE3", "'FREQ-XYZ'")], &[], &["CTYPE3", "FREQ-XYZ", "algorithm"]),
        (&[], &[("CTYPE3", "'FREQ-XYZ'")], &["CTYPE3 of the target", "FREQ-XYZ", "algorithm"]),
        (&[("CTYPE3", "'STOKES'")], &[], &["CTYPE3", "STOKES", "VRAD"]),
        (&[("CTYPE3", "'DEPTH'"), ("CUNIT3", "'m'")], &[("CTYPE3", "'DEPTH'"), ("CUNIT3", "'km'")], &["CUNIT3", "km"]),
        (&[("CDELT3", "0.0")], &[], &["CDELT3", "length"]),
    ];
    for (own, other, words) in cases {
        let message = refused(own, other);
        for word in words {
            assert!(message.contains(word), "{own:?}: {message}");
        }
    }
    // Celestial axes that depend on the channel cannot be separated from it, nor two other axes from each other.
    let mut coupled = header([10, 10], 0.0, 4, axis);
    coupled.set("PC1_3", 0.1, "");
    assert!(Wcs::from_header(&coupled).unwrap_err().to_string().contains("PC1_3"));
    // The pixels of a file have the order of its axes.
    let folder = tempfile::tempdir().unwrap();
    let mut first = Header::parse(&header([10, 10], 0.0, 4, axis).to_string().replace("PC", "XX")).unwrap();
    for (a, b) in [("CTYPE1", "CTYPE3"), ("CRVAL1", "CRVAL3"), ("CRPIX1", "CRPIX3"), ("CDELT1", "CDELT3")] {
        let [x, y] = [a, b].map(|keyword| first.get(keyword).unwrap().clone());
        first.set(a, y, "");
        first.set(b, x, "");
    }
    let path = folder.path().join("first.fits");
    let mut file = FitsOutput::<f32>::create(&path, &first, image.shape(), false).unwrap();
    file.write_array(image.view().into_dyn()).unwrap();
    file.publish().unwrap();
    let input = Input::from_fits(&path, &Hdu::First).unwrap();
    let error = Plan::new(&[input], &target(), &[4, 10, 10], &Options::default()).unwrap_err().to_string();
    assert!(error.contains("transpose") && error.contains("CTYPE2"), "{error}");
    // Lines that are the same but for rounding are the same; a cube that does not know its line is of the other's.
    for rest in ["1.1000000001e11", ""] {
        let mut other = header([10, 10], 0.0, 4, axis);
        other.remove("RESTFRQ");
        if let Ok(rest) = rest.parse::<f64>() {
            other.set("RESTFRQ", rest, "");
        }
        let inputs = [Input::from_array(image.view(), Wcs::from_header(&other).unwrap())];
        Plan::new(&inputs, &wcs([10, 10], 0.0, 4, ("VRAD", 1100.0, 130.0)), &[4, 10, 10], &Options::default()).unwrap();
    }
    // Positions for another number of planes.
    let input = Input::from_array(image.view(), wcs([10, 10], 0.0, 4, axis)).with_leading_positions(vec![vec![0.0; 3]]);
    let error = Plan::new(&[input], &target(), &[4, 10, 10], &Options::default()).unwrap_err().to_string();
    assert!(error.contains("positions of planes") && error.contains("[3]"), "{error}");
    // Weights of other planes than the image.
    let weights = Array3::<f32>::zeros((CHANNELS, 10, 10));
    let input = Input::from_array(image.view(), wcs([10, 10], 0.0, 4, axis)).with_weights(weights.view());
    let error = Plan::new(&[input], &target(), &[CHANNELS, 40, 44], &Options::default()).unwrap_err().to_string();
    assert!(error.contains("weights"), "{error}");
}

#[test]
fn a_cube_beyond_the_channels_of_the_target_does_not_overlap() {
    let image = Array3::<f32>::ones((4, 40, 44));
    let far = Input::from_array(image.view(), wcs(TARGET, 0.0, 4, ("VRAD", 1e5, 130.0)));
    let near = Input::from_array(image.view(), wcs(TARGET, 0.0, 4, ("VRAD", 1000.0, 130.0)));
    let plan = Plan::new(&[far, near], &target(), &[CHANNELS, 40, 44], &Options::default()).unwrap();
    assert_eq!((plan.bounds(0).len(), plan.bounds(1).len(), plan.overlapping()), (0, 1, 1));
}

#[test]
fn missing_pixels_of_either_plane_are_missing() {
    // Renormalizing is for pixels of the same plane.
    let mut image = Array3::<f64>::ones((2, 40, 44));
    image[[1, 20, 20]] = f64::NAN;
    let at = |position: f64| {
        let input = Input::from_array(image.view(), target()).with_leading_positions(vec![vec![position]]);
        let options = Options::default().missing(Missing::Renormalize { min_weight: 0.4 });
        let (mut mosaic, mut footprint) = (Array3::<f64>::zeros((1, 40, 44)), Array3::<f64>::zeros((1, 40, 44)));
        reproject_and_coadd(&[input], &target(), mosaic.view_mut(), footprint.view_mut(), &options).unwrap();
        mosaic.index_axis_move(Axis(0), 0)
    };
    let missing = |plane: Array2<f64>| plane.iter().filter(|value| value.is_nan()).count();
    assert_eq!([0.0, 0.25, 1.0].map(|position| missing(at(position))), [0, 1, 1]);
}

/// Planes of one number each.
#[derive(Debug)]
struct Steps([usize; 3]);

impl skymosaic::PixelSource for Steps {
    fn shape(&self) -> &[usize] {
        &self.0
    }

    fn element(&self) -> skymosaic::PixelType {
        skymosaic::PixelType::F32
    }

    fn read(
        &self,
        plane: usize,
        _window: Window,
        out: skymosaic::PixelsMut<'_>,
        _run: &skymosaic::ReadContext<'_>,
    ) -> Result<(), Error> {
        out.fill_with(|_| plane as f64);
        Ok(())
    }
}

/// Regrids a file of holes, which takes no room on disk, and a source of steps onto channels half as wide, within a memory limit.
fn check_memory(channels: usize, side: usize, rows: usize, limit: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.fits");
    let own = header([side, side], 0.0, channels, ("VRAD", 0.0, 100.0));
    let mut file = FitsOutput::<f32>::create(&path, &own, &[channels, side, side], false).unwrap();
    let blank = Options::default().blank(0.0);
    let nothing = Array3::<f32>::zeros((1, 4, 4));
    let elsewhere = Input::from_array(nothing.view(), wcs([4, 4], 0.0, 1, ("VRAD", 1e7, 100.0)));
    let own = Wcs::from_header(&own).unwrap();
    let plan = Plan::new(&[elsewhere], &own, &[channels, side, side], &blank).unwrap();
    plan.run_to(&mut file).unwrap();
    file.publish().unwrap();
    let options = Options::default().memory_limit(limit).parallel(Parallel::Threads(2.try_into().unwrap()));
    let shape = [2 * channels - 1, rows, side];
    let target = wcs([rows, side], 3.0, shape[0], ("VRAD", 0.0, 50.0));
    let steps: Input<'_> = Input::from_source(Arc::new(Steps([channels, side, side])), own);
    for (input, step) in [(Input::from_fits(&path, &Hdu::First).unwrap(), 0.0), (steps, 0.5)] {
        let plan = Plan::new(&[input], &target, &shape, &options).unwrap();
        let mut statistics = skymosaic::Statistics::default();
        let summary = plan.run_to::<f32>(&mut statistics).unwrap();
        println!("{shape:?}: {} bytes at most of {limit}, {:?}", summary.peak_bytes, summary.stages);
        assert!(summary.peak_bytes <= limit, "{} bytes", summary.peak_bytes);
        for plane in 0..shape[0] {
            let statistics = statistics.get(plane).unwrap();
            let wanted = step * plane as f64;
            let found = [statistics.min, statistics.max, statistics.mean];
            let right = found.iter().all(|v| (v - wanted).abs() < 1e-4);
            assert!(statistics.valid > (rows * side * 9 / 10) as u64 && right, "{plane}: {statistics:?}");
        }
    }
}

#[test]
fn large_cubes_keep_within_the_memory_limit() {
    check_memory(150, 512, 64, 24 << 20);
}

/// Minutes: `cargo test --release --test spectral -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn a_thousand_channels_keep_within_the_memory_limit() {
    check_memory(1000, 2048, 512, 100 << 20);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"))
        .for_each(|line| println!("{line}"));
}
