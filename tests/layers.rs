//! The modules of the crate import downward only: `lib.rs` lists them from the ground up, and no module names one that stands after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file, without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned();
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The names that a `use` tree or a path names first, after `prefix`: `crate::{a::b, c}` names `a` and `c`.
fn named(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => names.extend(first_name(rest)),
            Some(list) => {
                let (mut depth, mut start) = (0, 0);
                for (k, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => {
                            names.extend(first_name(&list[start..k]));
                            break;
                        }
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            names.extend(first_name(&list[start..k]));
                            start = k + 1;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The modules of lib.rs in their order, and which of them each name that the crate re-exports comes from.
fn layers() -> (Vec<String>, BTreeMap<String, String>) {
    let lib = code(&source().join("lib.rs"));
    let modules: Vec<String> = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .filter_map(first_name)
        .collect();
    let mut exports = BTreeMap::new();
    for statement in lib.split(';') {
        let Some(tree) = statement.split("pub use ").nth(1) else { continue };
        let module = first_name(tree).unwrap();
        for name in tree[module.len()..].split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            exports.insert(name.to_owned(), module.clone());
        }
    }
    (modules, exports)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The files of a module: its folder and the file beside it.
fn files_of(module: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if module.is_dir() {
        files(module, &mut found);
    }
    let file = module.with_extension("rs");
    if file.is_file() {
        found.push(file);
    }
    found
}

#[test]
fn no_module_imports_upward() {
    let (modules, exports) = layers();
    let place: BTreeMap<&str, usize> = modules.iter().enumerate().map(|(k, module)| (module.as_str(), k)).collect();
    let mut upward = Vec::new();
    for module in &modules {
        let found = files_of(&source().join(module));
        assert!(!found.is_empty(), "no files of module {module}");
        for file in found {
            for name in named(&code(&file), "crate::") {
                let target = exports.get(&name).unwrap_or(&name);
                let Some(to) = place.get(target.as_str()) else {
                    panic!("{}: crate::{name} is in no module", file.display())
                };
                if *to > place[module.as_str()] {
                    upward.push(format!("{}: {name} of {target}", file.strip_prefix(source()).unwrap().display()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "imports that run upward:\n{}", upward.join("\n"));
}

/// Inside of a module: its files, by the names that they give each other, form no circle.
#[test]
fn no_two_files_of_a_module_import_each_other() {
    let (modules, _) = layers();
    let mut circles = Vec::new();
    for module in &modules {
        let folder = source().join(module);
        if folder.is_dir() {
            inside(&folder, &format!("crate::{module}::"), &mut circles);
        }
    }
    assert!(circles.is_empty(), "files that import each other:\n{}", circles.join("\n"));
}

/// Checks the children of one folder against each other, and each folder in it.
fn inside(folder: &Path, absolute: &str, circles: &mut Vec<String>) {
    let mut children: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name != "mod" && name != "tests" && (path.is_dir() || path.extension().is_some_and(|e| e == "rs")) {
            children.entry(name).or_default();
        }
    }
    let names: Vec<String> = children.keys().cloned().collect();
    for name in &names {
        children.insert(name.clone(), files_of(&folder.join(name)));
    }
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, files) in &children {
        let mut found = BTreeSet::new();
        for file in files {
            let code = code(file);
            found.extend(named(&code, &"super::".repeat(depth(folder, file))));
            found.extend(named(&code, absolute));
        }
        imports
            .insert(name.clone(), found.into_iter().filter(|other| other != name && names.contains(other)).collect());
    }
    for start in &names {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = imports[start].iter().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(&imports[next]);
            }
        }
        if reached.contains(start) {
            circles.push(format!(
                "{}: {start}, by {:?}",
                folder.strip_prefix(source()).unwrap().display(),
                imports[start]
            ));
        }
    }
    for name in names {
        let below = folder.join(&name);
        if below.is_dir() {
            inside(&below, &format!("{absolute}{name}::"), circles);
        }
    }
}

/// How often a file has to say `super` to name what lies in a folder above it.
fn depth(folder: &Path, file: &Path) -> usize {
    file.strip_prefix(folder).unwrap().components().count() - usize::from(file.ends_with("mod.rs"))
}

/// In these modules a file lies on top of the files in its folder, which do not name what is its own or re-exported by it.
#[test]
fn no_file_imports_its_parent() {
    let mut upward = Vec::new();
    for module in ["header", "wcs", "map"] {
        parents(&source().join(module), &format!("crate::{module}::"), &mut upward);
    }
    assert!(upward.is_empty(), "files that import their parent:\n{}", upward.join("\n"));
}

fn parents(folder: &Path, absolute: &str, upward: &mut Vec<String>) {
    let mut below = Vec::new();
    files(folder, &mut below);
    let is_child = |name: &str| folder.join(name).is_dir() || folder.join(name).with_extension("rs").is_file();
    for file in below.iter().filter(|file| **file != folder.join("mod.rs")) {
        let code = code(file);
        let mut names = named(&code, &"super::".repeat(depth(folder, file)));
        names.extend(named(&code, absolute));
        names.retain(|name| name != "super" && !is_child(name));
        upward.extend(names.iter().map(|name| format!("{}: {name}", file.strip_prefix(source()).unwrap().display())));
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            parents(&path, &format!("{absolute}{}::", path.file_name().unwrap().to_str().unwrap()), upward);
        }
    }
}

#[test]
fn the_check_sees_what_it_is_to_see() {
    let code = "use crate::{\n    Error, Pixel,\n    map::{CoordGrid, Sky},\n    plan::Plan,\n};\nlet x = crate::engine::run(); not_crate::other";
    let names: Vec<String> = named(code, "crate::").into_iter().collect();
    assert_eq!(names, ["Error", "Pixel", "engine", "map", "plan"]);
    let (modules, exports) = layers();
    assert!(modules.len() > 20 && modules[0] == "error", "{modules:?}");
    assert_eq!(exports["Plan"], "plan");
}
