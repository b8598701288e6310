//! What the tables of keys say is what the parser does.

use super::super::Tls;
use super::super::tests::read;
use super::*;

/// A key, and where it stands.
struct Place {
    key: &'static Key,
    /// The whole file around a line that gives it, or around no line.
    file: Box<dyn Fn(&str) -> String>,
}

/// The tables of keys.
fn tables() -> Vec<Vec<Place>> {
    let of = |keys: &'static [Key], file: fn(&'static Key, &str) -> String| {
        keys.iter().map(|key| Place { key, file: Box::new(move |line| file(key, line)) }).collect()
    };
    vec![
        of(&FILE, |_, line| format!("{line}\n{}", account(""))),
        of(&ACCOUNT, |_, line| account(line)),
        of(&PASSWORD, |_, line| account(&format!("password = {{ {line} }}"))),
        of(&DELIVER, |key, line| account(&format!("deliver = {{ {} }}", target(key, line)))),
        of(&ROUTE, |key, line| account(&format!("[[account.work.route]]\n{}", route(key, line)))),
        of(&HEADER, |key, line| account(&format!("route = [{{ skip = true, header = {{ {} }} }}]", header(key, line)))),
    ]
}

fn all() -> impl Iterator<Item = Place> {
    tables().into_iter().flatten()
}

/// An account with `line` in it, besides the needed keys that `line` does not give.
fn account(line: &str) -> String {
    let is_given = |key: &Key| line.split(' ').next() == Some(key.name);
    let needed = ACCOUNT.iter().filter(|key| matches!(key.missing, Missing::Refused) && !is_given(key));
    let needed: Vec<String> = needed.map(|key| format!("{} = {}", key.name, codes(key.value)[0])).collect();
    format!("[account.work]\n{}\n{line}\n", needed.join("\n"))
}

/// The inside of a target's table, with the first kind that a key is an option of.
fn target(key: &Key, line: &str) -> String {
    let Some((kind, _)) = OPTIONS.iter().find(|(_, options)| options.contains(&key.name)) else {
        return line.to_owned();
    };
    let kind = DELIVER.iter().find(|key| key.name == *kind).unwrap();
    let comma = if line.is_empty() { "" } else { ", " };
    format!("{} = {}{comma}{line}", kind.name, codes(kind.value)[0])
}

/// The lines of a rule, with a condition and an action besides the key.
fn route(key: &Key, line: &str) -> String {
    let action = if ["deliver", "skip"].contains(&key.name) { "" } else { "skip = true" };
    let condition = if key.name == "list_id" { "" } else { "list_id = \"news\"" };
    format!("{condition}\n{action}\n{line}\n")
}

/// The inside of a header's table, with what it needs besides the key.
fn header(key: &Key, line: &str) -> String {
    let other = if key.name == "name" { "contains = \"x\"" } else { "name = \"Subject\"" };
    if line.is_empty() { other.to_owned() } else { format!("{other}, {line}") }
}

/// What stands in backticks.
fn codes(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_value_that_is_shown_is_accepted() {
    for Place { key, file } in all() {
        assert!(!codes(key.value).is_empty(), "{}: no value is shown", key.name);
        for value in codes(key.value) {
            let text = match key.name {
                "account" => account("").replace("[account.work]", value),
                "route" if value.starts_with("[[") => {
                    let table = value.replace("NAME", "work");
                    account(&format!("{table}\nlist_id = \"news\"\nskip = true"))
                }
                "oversize" => account(&format!("max_size = \"25 MB\"\noversize = {value}")),
                name => file(&format!("{name} = {value}")),
            };
            assert!(read(&text).is_ok(), "{text}{:?}", read(&text));
        }
    }
}

#[test]
fn every_key_is_read() {
    for Place { key, file } in all().filter(|place| place.key.name != "account") {
        let text = file(&format!("{} = 1979-05-27", key.name));
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains(" must be "), "{text}{error}");
        assert!(error.key().unwrap().ends_with(key.name), "{text}{error:?}");
    }
    let error = read("account = 1979-05-27").unwrap_err();
    assert!(error.to_string().contains("account must be "), "{error}");
}

#[test]
fn every_default_is_what_holds_without_the_key() {
    for Place { key, file } in all() {
        if let Missing::Value(value) = key.missing {
            let line = format!("{} = {value}", key.name);
            let [with, without] = [line.as_str(), ""].map(|line| format!("{:?}", read(&file(line)).unwrap()));
            assert_eq!(with, without, "{line}");
        }
    }
    let port = ACCOUNT.iter().find(|key| key.name == "port").unwrap().missing.to_string();
    let [implicit, starttls, none] = [Tls::Implicit, Tls::StartTls, Tls::None].map(Tls::default_port);
    assert_eq!((port, starttls), (format!("{implicit} for implicit TLS, else {none}"), none));
}

#[test]
fn every_needed_key_is_asked_for() {
    for key in ACCOUNT.iter().filter(|key| matches!(key.missing, Missing::Refused)) {
        let whole = account("");
        let others: Vec<&str> = whole.lines().filter(|line| !line.starts_with(key.name)).collect();
        let error = read(&others.join("\n")).unwrap_err();
        assert!(error.to_string().contains(&format!("has no `{}`", key.name)), "{error}");
    }
    let header = "route = [{ skip = true, header = { name = \"x\" } }]";
    for (keys, line) in [(&PASSWORD[..], "password = {}"), (&DELIVER, "deliver = {}"), (&HEADER, header)] {
        let one = keys.iter().filter(|key| matches!(key.missing, Missing::RefusedUnlessOne));
        let listed: Vec<String> = one.map(|key| format!("`{}`", key.name)).collect();
        let error = read(&account(line)).unwrap_err();
        assert!(error.hint().unwrap().contains(&listed.join(", ")), "{error:?}");
    }
}

#[test]
fn a_word_of_another_program_leads_to_one_key() {
    for table in tables() {
        let mut words: Vec<_> =
            table.iter().flat_map(|place| place.key.other_words.iter().chain([&place.key.name])).collect();
        let many = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), many, "{words:?}");
    }
}

/// Each option is taken by the kinds that [`OPTIONS`] says, and refused by name by all others.
#[test]
fn an_option_belongs_to_kinds_of_target() {
    let kinds = DELIVER.iter().filter(|key| matches!(key.missing, Missing::RefusedUnlessOne));
    assert_eq!(kinds.clone().map(|key| key.name).collect::<Vec<_>>(), OPTIONS.map(|(kind, _)| kind));
    for kind in kinds {
        let (_, options) = OPTIONS.iter().find(|(name, _)| *name == kind.name).unwrap();
        for option in DELIVER.iter().filter(|key| !matches!(key.missing, Missing::RefusedUnlessOne)) {
            let [place, value] = [kind, option].map(|key| format!("{} = {}", key.name, codes(key.value)[0]));
            let text = account(&format!("deliver = {{ {place}, {value} }}"));
            match read(&text) {
                Ok(_) => assert!(options.contains(&option.name), "{text}"),
                Err(error) => {
                    let problem = format!("`{}` is no option of `{}`", option.name, kind.name);
                    assert!(error.to_string().contains(&problem), "{text}{error}");
                    assert!(!options.contains(&option.name) && error.key().unwrap().ends_with(option.name));
                }
            }
        }
    }
}

#[test]
fn the_example_is_accepted() {
    assert_eq!(read(EXAMPLE).unwrap().accounts.len(), 3);
}
