//! The rules of an account, and the fields that are looked at and written.

use super::*;
use crate::model::{Octets, TraceHeader};
use crate::route::{Action, Choice, HeaderTest, Pattern, Routes, Rule};

/// An account with rules behind its own keys.
fn routed(rules: &str) -> Result<Account, ConfigError> {
    with(&format!("deliver = 'maildir:/rest'\n{rules}"))
}

/// One rule with these lines.
fn rule(lines: &str) -> String {
    format!("route = [{{ {} }}]", lines.lines().collect::<Vec<_>>().join(", "))
}

fn to(targets: &[usize]) -> Action {
    let choice = |target: &usize| Choice { target: *target, wants_recipient: false };
    Action::Deliver(targets.iter().map(choice).collect())
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().copied().map(Pattern::whole).collect()
}

#[test]
fn rules_choose_among_the_targets_of_the_account() {
    let text = r#"
        [account.family]
        server = "h"
        user = "u"
        recipient_headers = ["X-For", "Delivered-To"]
        deliver = ["maildir:/rest", "mbox:/archive"]
        [[account.family.route]]
        recipient = ["alice@example.com", "alice+*@example.com"]
        deliver = "maildir:/alice"
        [[account.family.route]]
        header = { name = "Subject", contains = "[build]" }
        larger_than = "20 MB"
        skip = true
        [[account.family.route]]
        header = [{ name = "From", matches = "*@shop>" }, { name = "Sender", contains = "shop" }]
        list_id = "*.example.com"
        smaller_than = "1 KiB"
        deliver = ["maildir:/alice", { mbox = "/archive" }, "stdout:"]
        [[account.family.route]]
        recipient = "*@example.com"
        deliver = { lmtp = "/run/lmtp", recipient = "{recipient}" }
    "#;
    let account = read(text).unwrap().accounts.remove(0);
    let shown: Vec<String> = account.deliver.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["maildir:/rest", "mbox:/archive", "maildir:/alice", "stdout:", "lmtp:/run/lmtp"]);
    assert!(account.deliver[4].wants_recipient());
    let field = |name: &str, pattern| HeaderTest { name: name.to_owned(), pattern };
    let lmtp = Action::Deliver(vec![Choice { target: 4, wants_recipient: true }]);
    let rules = vec![
        Rule {
            recipients: patterns(&["alice@example.com", "alice+*@example.com"]),
            action: to(&[2]),
            ..Rule::default()
        },
        Rule {
            headers: vec![field("Subject", Pattern::containing("[build]"))],
            larger_than: Some(Octets(20_000_000)),
            ..Rule::default()
        },
        Rule {
            headers: vec![field("From", Pattern::whole("*@shop>")), field("Sender", Pattern::containing("shop"))],
            list_ids: patterns(&["*.example.com"]),
            smaller_than: Some(Octets(1024)),
            action: to(&[2, 1, 3]),
            ..Rule::default()
        },
        Rule { recipients: patterns(&["*@example.com"]), action: lmtp, ..Rule::default() },
    ];
    assert_eq!(account.routes, Routes::new(rules, vec![0, 1], ["X-For", "Delivered-To"].map(str::to_owned).into()));
    let plain = routed("").unwrap();
    assert_eq!((plain.routes, plain.trace_headers), (Routes::to_all(1), vec![]));
}

#[test]
fn trace_headers_are_named() {
    let account = with("trace_headers = ['Return-Path', 'Received']").unwrap();
    assert_eq!(account.trace_headers, [TraceHeader::ReturnPath, TraceHeader::Received]);
    assert_eq!(with("trace_headers = []").unwrap().trace_headers, []);
}

/// The lines of a rule, the text of its error, and parts of its key and its hint.
#[test]
fn mistakes_in_rules_are_named_and_explained() {
    let take = "deliver = 'maildir:/m'";
    for (lines, message, key, hint) in [
        ("", "the rule has nothing to do", "route", "`skip = true`"),
        ("recipient = 'a@b'", "the rule has nothing to do", "route", "`skip = true`"),
        ("skip = true", "the rule has no condition", "route", "account's `deliver`"),
        (take, "the rule has no condition", "route", "account's `deliver`"),
        ("list_id = 'x'\nskip = false", "expected `true`", "route.skip", "leave the key out"),
        ("list_id = 'x'\nskip = 'yes'", "route.skip must be true or false", "route.skip", "without quotes"),
        ("list_id = 'x'\nskip = true\ndeliver = 'stdout:'", "what is skipped is not delivered", "route.skip", "one of"),
        ("recipent = 'a@b'\nskip = true", "unknown key `recipent` in account.work.route", "recipent", "`recipient`?"),
        ("to = 'a@b'\nskip = true", "unknown key `to`", "route.to", "did you mean `recipient`?"),
        ("recipient = 'alice'\nskip = true", "not an address", "route.recipient", "`*@example.com`"),
        ("recipient = ''\nskip = true", "not an address", "route.recipient", "alone"),
        ("recipient = '<a@b>'\nskip = true", "not an address", "route.recipient", "alone"),
        ("recipient = 'a@b, c@d'\nskip = true", "not an address", "route.recipient", "alone"),
        ("recipient = 'ä@b'\nskip = true", "not an address", "route.recipient", "ASCII"),
        ("recipient = []\nskip = true", "the list is empty", "route.recipient", "leave the key out"),
        ("recipient = ['a@b', 5]\nskip = true", "must be text or a list of texts", "route.recipient", "double quotes"),
        ("recipient = { a = 'b' }\nskip = true", "must be text or a list of texts", "route.recipient", "double quotes"),
        ("list_id = ''\nskip = true", "the text is empty", "route.list_id", ""),
        ("list_id = '<a.b>'\nskip = true", "not the identifier of a list", "route.list_id", "without them"),
        ("header = 'Subject'\nskip = true", "must be a table or a list of tables", "route.header", "contains ="),
        ("header = ['a']\nskip = true", "must be a table or a list of tables", "route.header", "contains ="),
        ("header = {}\nskip = true", "account.work.route.header has no `name`", "header.name", "\"Subject\""),
        (
            "header = { name = 'a' }\nskip = true",
            "exactly one text to look for",
            "route.header",
            "`contains`, `matches`",
        ),
        ("header = { name = 'a', contains = 'b', matches = 'c' }\nskip = true", "exactly one text", "header", "one of"),
        ("header = { name = 'a', is = 'c' }\nskip = true", "unknown key `is`", "header.is", "did you mean `matches`?"),
        (
            "header = { name = 'a:', contains = 'c' }\nskip = true",
            "not the name of a header field",
            "header.name",
            "alone",
        ),
        ("header = { name = 'a b', contains = 'c' }\nskip = true", "not the name of a header field", "header.name", ""),
        ("header = { name = 'a', contains = '' }\nskip = true", "the text is empty", "header.contains", ""),
        ("larger_than = 5\nskip = true", "route.larger_than must be text", "route.larger_than", "double quotes"),
        ("larger_than = '5'\nskip = true", "expected a size with its unit", "route.larger_than", "25 MB"),
        ("larger_than = '2 kB'\nsmaller_than = '2 kB'\nskip = true", "no message is larger than", "route", ""),
        ("list_id = 'x'\ndeliver = []", "names no target", "route.deliver", ""),
        ("list_id = 'x'\ndeliver = '/m'", "the kind of target is missing", "route.deliver", "maildir:FOLDER"),
        ("list_id = 'x'\ndeliver = ['stdout:', 'stdout:']", "the same target twice", "route.deliver", ""),
        (
            "list_id = 'x'\ndeliver = { maildir = '/rest', mtime = 'date' }",
            "with other options",
            "deliver",
            "the same options",
        ),
        (
            "list_id = 'x'\ndeliver = { lmtp = 'h', recipient = '{recipient}' }",
            "stands for the address",
            "deliver",
            "into the rule",
        ),
    ] {
        let error = routed(&rule(lines)).unwrap_err();
        assert!(error.to_string().starts_with("config.toml:3: "), "{lines}: {error}");
        assert!(error.to_string().contains(message), "{lines}: {error}");
        assert!(error.key().unwrap().ends_with(key), "{lines}: {error:?}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{lines}: {:?}", error.hint());
    }
}

/// Lines of an account, the text of the error, its key, and a part of its hint.
#[test]
fn mistakes_beside_the_rules_are_named_and_explained() {
    for (line, message, key, hint) in [
        ("route = 'a@b'", "must be a list of tables", "route", "[[account.NAME.route]]"),
        ("route = { recipient = 'a@b' }", "must be a list of tables", "route", "[[account.NAME.route]]"),
        ("route = [1]", "must be a list of tables", "route", "[[account.NAME.route]]"),
        ("deliver = { lmtp = 'h', recipient = '{recipient}' }", "stands for the address", "deliver", "into a `route`"),
        ("recipient_headers = []", "the list is empty", "recipient_headers", ""),
        ("recipient_headers = ['To:']", "not the name of a header field", "recipient_headers", "alone"),
        ("recipient_headers = ['a', 'A']", "the same field twice", "recipient_headers", "leave one"),
        ("recipient_headers = true", "must be text or a list of texts", "recipient_headers", ""),
        ("trace_headers = ['received']", "expected \"Received\"", "trace_headers", "did you mean \"Received\"?"),
        ("trace_headers = ['Subject']", "\"Delivered-To\" or \"Return-Path\"", "trace_headers", ""),
        ("trace_headers = ['Received', 'Received']", "the same field twice", "trace_headers", "leave one"),
        ("trace_headers = true", "must be text or a list of texts", "trace_headers", ""),
    ] {
        let error = with(line).unwrap_err();
        assert!(error.to_string().starts_with("config.toml:2: "), "{line}: {error}");
        assert!(error.to_string().contains(message), "{line}: {error}");
        assert_eq!(error.key(), Some(format!("account.work.{key}").as_str()), "{line}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{line}: {:?}", error.hint());
    }
    let error = with("user = '{recipient}'\ndeliver = 'lmtp:h'").unwrap_err();
    assert!(error.to_string().contains("for whom the server is to take the mail"), "{error}");
}

#[test]
fn a_mistake_in_a_rule_is_placed_where_it_stands() {
    let rule = "[[account.work.route]]\nlist_id = 'x'\n";
    let text = format!("{rule}deliver = 'stdout:'\n{rule}deliver = {{ stdout = true, dialect = 'mboxo' }}\n");
    let account = "[account.work]\nserver = 'h'\nuser = 'u'\ndeliver = 'maildir:/m'\n";
    let error = read(&format!("{account}{text}")).unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(10), Some(1)), "{error}");
    let error = read(&format!("{account}{rule}")).unwrap_err();
    assert_eq!(error.line(), Some(5), "{error}");
}
