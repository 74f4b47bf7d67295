//! Headers, as read and as written.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Header {
    Header::parse(text).unwrap()
}

#[test]
fn values_of_every_type() {
    let header = parsed(
        "SIMPLE  =                    T / a comment\nBITPIX  =                  -32\nCRVAL1  =            1.5D-3 / deg\n\
         OBJECT  = 'M 31 ''And''   ' / name / of object\nEMPTY   = ''\nUNDEF   =     / nothing\nBIG     = 99999999999999999999\n\
         Z       = (1.0, 2.0)",
    );
    assert_eq!(header.get("SIMPLE"), Some(&Value::Logical(true)));
    assert_eq!(header.i64("bitpix").unwrap(), Some(-32));
    assert_eq!(header.f64("BITPIX").unwrap(), Some(-32.0));
    assert_eq!(header.f64("CRVAL1").unwrap(), Some(1.5e-3));
    assert_eq!(header.text("OBJECT").unwrap(), Some("M 31 'And'"));
    assert_eq!(header.text("EMPTY").unwrap(), Some(""));
    assert_eq!(header.get("UNDEF"), Some(&Value::Undefined));
    assert_eq!(header.f64("BIG").unwrap(), Some(1e20));
    assert_eq!(header.text("Z").unwrap(), Some("(1.0, 2.0)"));
    assert_eq!(header.cards().nth(3).unwrap().2, "name / of object");
    assert_eq!(header.f64("MISSING").unwrap(), None);
}

#[test]
fn a_quoted_number_is_not_a_number() {
    let error = parsed("CRVAL1  = '12.5'").f64("CRVAL1").unwrap_err();
    assert_eq!(error.to_string(), "CRVAL1 = '12.5': expected a number");
    assert!(parsed("CRVAL1  = ").f64("CRVAL1").is_err());
    assert!(parsed("CTYPE1  = 3").text("CTYPE1").is_err());
    assert!(parsed("WCSAXES = 2.5").i64("WCSAXES").is_err());
    assert_eq!(parsed("WCSAXES = 2.0").i64("WCSAXES").unwrap(), Some(2));
}

#[test]
fn hand_written_lines() {
    let header = parsed("  \nnaxis1 = 10\r\nCRVAL1=-1.25 / x\nCTYPE1 = 'RA---TAN'\n\nEND\nafter the end is anything");
    assert_eq!(header.i64("NAXIS1").unwrap(), Some(10));
    assert_eq!(header.f64("CRVAL1").unwrap(), Some(-1.25));
    assert_eq!(header.text("ctype1").unwrap(), Some("RA---TAN"));
    assert_eq!(header.len(), 3);
}

#[test]
fn records_without_line_ends() {
    let text = format!("{:<80}{:<80}{:<80}", "NAXIS1  = 10", "COMMENT x = y", "END");
    for text in [text.as_str(), text.trim_end(), &format!("{text}\n")] {
        let header = parsed(text);
        assert_eq!(header.i64("NAXIS1").unwrap(), Some(10));
        assert_eq!(header.get("COMMENT"), Some(&Value::Text("x = y".to_owned())));
    }
    assert_eq!(Header::parse_records(text.as_bytes()), Some(parsed(&text)));
    assert_eq!(Header::parse_records(&text.as_bytes()[..160]), None);
}

#[test]
fn what_is_no_card() {
    for (text, line) in [
        ("This is a text file", 1),
        ("NAXIS1  = 10\nCRVAL1  = 1.2.3", 2),
        ("OBJECT  = 'M 31", 1),
        ("OBJECT  = M31", 1),
        ("CRVAL1  = NaN", 1),
        ("CRVAL1  = 1E999", 1),
        ("    = 3", 1),
    ] {
        match Header::parse(text) {
            Err(Error::Card { line: at, .. }) => assert_eq!(at, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn in_a_file_only_the_use_of_a_bad_card_is_an_error() {
    let text = format!("{:<80}{:<80}{:<80}", "CRVAL1  = 1.2.3 / bad", "CRVAL2  = 2", "END");
    let header = Header::parse_records(text.as_bytes()).unwrap();
    assert_eq!(header.f64("CRVAL2").unwrap(), Some(2.0));
    assert!(header.f64("CRVAL1").unwrap_err().to_string().contains("1.2.3"));
}

#[test]
fn continued_strings_and_hierarch() {
    let header = parsed(
        "LONG    = 'one &' / first\nCONTINUE  'two ''&'\nCONTINUE  'three' / last\nHIERARCH ESO TEL Name = 'VLT' / telescope\n\
         LONE    = 'and &'\nNEXT    = 1\nCONTINUE  'nothing'",
    );
    assert_eq!(header.text("LONG").unwrap(), Some("one two 'three"));
    assert_eq!(header.text("ESO TEL NAME").unwrap(), Some("VLT"));
    assert_eq!(header.text("hierarch eso tel name").unwrap(), Some("VLT"));
    assert_eq!(header.text("LONE").unwrap(), Some("and &"));
    assert_eq!(parsed(&header.to_string()).text("LONG").unwrap(), Some("one two 'three"));
}

#[test]
fn repeated_cards_and_setting() {
    let mut header = parsed("DP1     = 'NAXES: 2'\nDP1     = 'AXIS.1: 1'\nHISTORY a\nHISTORY b");
    assert_eq!(header.all("dp1").count(), 2);
    header.set("DP1", "first", "");
    header.set("NEW", 1.0, "unit");
    header.set("new", 2, "");
    header.push_history("c");
    assert_eq!(header.all("DP1").cloned().collect::<Vec<_>>(), ["first".into(), "AXIS.1: 1".into()]);
    assert_eq!(header.get("NEW"), Some(&Value::Integer(2)));
    assert_eq!(header.all("HISTORY").count(), 3);
    header.remove("history");
    assert_eq!(header.len(), 3);
}

#[test]
fn cards_are_written_in_fixed_format() {
    let mut header = Header::new();
    header.set("SIMPLE", true, "file conforms");
    header.set("OBJECT", "M", "");
    header.set("CDELT1", -1e-7, "");
    header.set("ESO DET NAME", "x", "");
    let text = header.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|line| line.len() == CARD));
    assert_eq!(lines[0].trim_end(), "SIMPLE  =                    T / file conforms");
    assert_eq!(lines[1].trim_end(), "OBJECT  = 'M       '");
    assert_eq!(lines[2].trim_end(), "CDELT1  =              -1.0E-7");
    assert_eq!(lines[3].trim_end(), "HIERARCH ESO DET NAME = 'x       '");
    assert_eq!(lines[4].trim_end(), "END");
}

#[test]
fn characters_outside_ascii_are_escaped_in_a_file_and_come_back() {
    let record = |card: &[u8]| [card, &vec![b' '; CARD - card.len()]].concat();
    let bytes = [
        record("OBSERVER= 'Ren\u{e9} \u{2014} \u{1f52d}' / \u{e9}t\u{e9}".as_bytes()),
        record(b"OBJECT  = 'Ren\xe9'"),
        record(b"HISTORY \xe9\t\xa0."),
        record(b"END"),
    ];
    let header = Header::parse_records(&bytes.concat()).unwrap();
    assert_eq!(header.text("OBSERVER").unwrap(), Some("Ren\u{e9} \u{2014} \u{1f52d}"));
    assert_eq!(header.cards().next().unwrap().2, "\u{e9}t\u{e9}");
    assert_eq!(header.text("OBJECT").unwrap(), Some("Ren\u{e9}"));
    assert_eq!(header.get("HISTORY"), Some(&"\u{e9}  .".into()));
    let written = header.to_string();
    assert!(written.starts_with("OBSERVER= 'Ren\\u{e9} \\u{2014} \\u{1f52d}' / \\u{e9}t\\u{e9}"), "{written}");
    assert_eq!(Header::parse_records(&header.to_records()), Some(header.clone()));
    assert_eq!(
        parsed("OBSERVER= 'Ren\u{e9} \u{2014} \u{1f52d}' / \u{e9}t\u{e9}").get("OBSERVER"),
        header.get("OBSERVER")
    );
    // An escape that somebody else has broken in two is still one.
    assert_eq!(parsed("LONG    = 'Ren\\u{&'\nCONTINUE  'e9}'").text("LONG").unwrap(), Some("Ren\u{e9}"));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        text in any_text(), number in any::<f64>(), integer in any::<i64>(), long in "[A-Z]{3,8}( [A-Z0-9]{1,10}){1,3}",
    ) {
        let mut header = Header::new();
        let text = text.split(|c: char| c.is_whitespace() || c.is_control()).collect::<Vec<_>>().join(" ");
        header.set("TEXT", text.trim_end(), "a comment");
        header.set("NUMBER", if number.is_finite() { number } else { 0.0 }, "");
        header.set("INTEGER", integer, "");
        header.set(&long, text.trim_end(), "");
        header.push_history("done");
        let back = Header::parse(&header.to_string()).unwrap();
        prop_assert_eq!(back.text("TEXT").unwrap(), Some(text.trim_end()));
        for keyword in ["TEXT", "NUMBER", "INTEGER", &long, "HISTORY"] {
            prop_assert_eq!(back.get(keyword), header.get(keyword));
        }
    }

    #[test]
    fn what_is_read_comes_back(
        text in prop_oneof![
            any_text(), "\\PC{0,300}", header_text(), proptest::collection::vec(header_text(), 0..6).prop_map(|cards| cards.concat()),
        ],
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut records = text.clone().into_bytes();
        records.resize(records.len().next_multiple_of(CARD), b' ');
        let latin1: Vec<u8> = text.chars().map(|character| u8::try_from(character).unwrap_or(0xff)).collect();
        let headers = [Header::parse(&text).ok(), whole(records), whole(latin1), whole(bytes)];
        for header in headers.into_iter().flatten() {
            let text = header.to_string();
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
            prop_assert!(text.lines().all(|line| line.len() == CARD));
            prop_assert_eq!(&Header::parse(&text).unwrap(), &header);
            prop_assert_eq!(&Header::parse(&text.replace('\n', "")).unwrap(), &header);
            prop_assert_eq!(Header::parse_records(&header.to_records()), Some(header));
        }
    }

    #[test]
    fn what_is_set_comes_back(
        keyword in prop_oneof![
            any_text(), "HIERARCH \\PC{0,20}", "[ -~]{0,80}", "[A-Z]{1,8}", "HIERARCH [A-Z= ]{0,80}", "(COMMENT|HISTORY|CONTINUE|END|HIERARCH)",
        ],
        value in prop_oneof![
            any::<f64>().prop_map(Value::Float), any::<i64>().prop_map(Value::Integer), any::<bool>().prop_map(Value::Logical),
            any_text().prop_map(Value::Text), "['& /=]{0,90}".prop_map(Value::Text), "[ -~]{0,300}".prop_map(Value::Text), Just(Value::Undefined),
        ],
        comment in any_text(),
    ) {
        let mut header = Header::new();
        header.set("FIRST", 1, "");
        header.set(&keyword, value, &comment);
        header.set("FIRST", keyword.as_str(), &comment);
        header.set(&keyword, comment.as_str(), "");
        prop_assert_eq!(&Header::parse(&header.to_string()).unwrap(), &header);
        prop_assert_eq!(Header::parse_records(&header.to_records()), Some(header));
    }
}

/// Text of any length, with escapes and what looks like them.
fn any_text() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof!["\\\\u\\{[0-9a-f]{1,5}\\}", "\\\\{0,2}(u\\{5c\\})?", "\u{e9}{1,90}", "[ -~]{0,90}", "\\PC{0,9}"];
    prop_oneof![
        any::<String>(),
        "[ -~]{0,300}",
        proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
    ]
}

/// The header in records that may be malformed and have no `END`.
fn whole(mut records: Vec<u8>) -> Option<Header> {
    records.resize(records.len().next_multiple_of(CARD), b' ');
    records.extend(format!("{:<CARD$}", "END").bytes());
    Header::parse_records(&records)
}

/// Text that looks like cards, well formed or not, as long as lines or as records.
fn header_text() -> impl Strategy<Value = String> {
    let keyword = prop_oneof![
        "[A-Z]{0,9}",
        "HIERARCH [A-Z .]{0,70}",
        "(COMMENT|HISTORY|CONTINUE|        | COMMENT|END|HIERARCH)",
        "\\PC{0,9}"
    ];
    let value = prop_oneof!["'[ -~]{0,70}'", "'[a-z\u{e9} ]{0,70}&'", "[0-9.eE+-]{1,20}", "[TF]?", "\\PC{0,30}"];
    let card = (keyword, "( |  |=|= | = )?", value, prop_oneof!["", " ?/[ -~]{0,70}", "/\\PC{0,70}"]);
    (card, any::<bool>()).prop_map(|((keyword, equals, value, comment), record)| {
        let line = format!("{keyword:<8}{equals}{value}{comment}");
        if record { format!("{:<CARD$}", line.chars().take(CARD).collect::<String>()) } else { line + "\n" }
    })
}
