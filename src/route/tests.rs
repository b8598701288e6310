//! Rules as tables: a message, the rules, and where it goes.

use super::*;

/// A rule that delivers to one target.
fn to(target: usize) -> Rule {
    Rule { action: Action::Deliver(vec![Choice { target, wants_recipient: false }]), ..Rule::default() }
}

fn for_recipient(target: usize) -> Rule {
    Rule { action: Action::Deliver(vec![Choice { target, wants_recipient: true }]), ..Rule::default() }
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().copied().map(Pattern::whole).collect()
}

fn test(name: &str, pattern: Pattern) -> HeaderTest {
    HeaderTest { name: name.to_owned(), pattern }
}

/// Target 9 is for what no rule takes.
fn routes(rules: Vec<Rule>) -> Routes {
    Routes { rules, otherwise: vec![9], ..Routes::to_all(0) }
}

fn decide(routes: &Routes, header: &str) -> Decision {
    routes.decide(&Header::parse(header.as_bytes()), Some(Octets(1000)))
}

/// The targets with their recipients, and why.
fn told(decision: &Decision) -> (Vec<(usize, &str)>, String) {
    let deliveries = match &decision.route {
        Route::Deliver(deliveries) => &deliveries[..],
        Route::Skip => &[],
    };
    let recipients = deliveries.iter().map(|delivery| delivery.recipient.as_deref().unwrap_or_default());
    let targets = deliveries.iter().map(|delivery| delivery.target);
    (targets.zip(recipients).collect(), decision.why.to_string())
}

#[test]
fn without_rules_everything_goes_to_all_targets() {
    let all = Routes::to_all(2);
    let decision = decide(&all, "Delivered-To: alice@example.com\n\n");
    assert_eq!(told(&decision), (vec![(0, ""), (1, "")], "no route takes it".to_owned()));
    assert!(all.is_empty() && all.before_fetch(None) == Before::Fetch);
}

#[test]
fn a_domain_is_divided_by_address() {
    let family = routes(vec![
        Rule { recipients: patterns(&["alice@example.com", "alice+*@example.com"]), ..to(0) },
        Rule { recipients: patterns(&["bob@EXAMPLE.com"]), ..to(1) },
        Rule { recipients: patterns(&["*@lists.example.com"]), ..to(2) },
    ]);
    for (header, target, why) in [
        ("Delivered-To: alice@example.com", 0, "route 1: Delivered-To: alice@example.com"),
        ("Envelope-To: <ALICE@Example.com>", 0, "route 1: Envelope-To: ALICE@Example.com"),
        ("delivered-to: alice+shop@example.com", 0, "route 1: Delivered-To: alice+shop@example.com"),
        ("X-Original-To: bob@example.com", 1, "route 2: X-Original-To: bob@example.com"),
        ("Delivered-To: a.b@lists.example.com", 2, "route 3: Delivered-To: a.b@lists.example.com"),
        ("Delivered-To: malice@example.com", 9, "no route takes it: Delivered-To: malice@example.com"),
        ("Delivered-To: alice@example.com.org", 9, "no route takes it: Delivered-To: alice@example.com.org"),
        ("To: alice@example.com", 9, "no route takes it: no address in X-Original-To, Envelope-To, Delivered-To"),
        ("Delivered-To: alice", 9, "no route takes it: no address in X-Original-To, Envelope-To, Delivered-To"),
        ("", 9, "no route takes it: no address in X-Original-To, Envelope-To, Delivered-To"),
        // Postfix notes the mailbox as well as the address that led to it.
        (
            "Delivered-To: box@provider.example\nX-Original-To: alice@example.com",
            0,
            "route 1: X-Original-To: alice@example.com",
        ),
        (
            "Delivered-To: box@provider.example\nX-Original-To: eve@example.com",
            9,
            "no route takes it: X-Original-To: eve@example.com, Delivered-To: box@provider.example",
        ),
    ] {
        let decision = decide(&family, &format!("{header}\n\n"));
        assert_eq!(told(&decision), (vec![(target, "")], why.to_owned()), "{header}");
    }
}

/// What stands below was written before, perhaps by the sender.
#[test]
fn only_the_topmost_field_of_a_name_tells_for_whom_a_message_came() {
    let family = routes(vec![
        Rule { recipients: patterns(&["bob@example.com"]), ..to(1) },
        Rule { recipients: patterns(&["alice@example.com"]), ..to(0) },
    ]);
    let header = "Delivered-To: alice@example.com\nReceived: x\nDelivered-To: bob@example.com\n\n";
    assert_eq!(told(&decide(&family, header)).0, [(0, "")]);
    let header = "Delivered-To:\nDelivered-To: bob@example.com\n\n";
    assert_eq!(told(&decide(&family, header)).0, [(9, "")]);
    let own = Routes { recipient_headers: vec!["X-For".to_owned()], ..family };
    let header = "Delivered-To: alice@example.com\nX-For: bob@example.com\n\n";
    assert_eq!(told(&decide(&own, header)).0, [(1, "")]);
}

/// One copy lies in the maildrop for two people, as Exim delivers it.
#[test]
fn a_field_with_several_addresses_is_taken_for_each_of_them() {
    let family = routes(vec![
        Rule { recipients: patterns(&["alice@example.com", "a@example.com"]), ..to(0) },
        Rule { list_ids: patterns(&["news"]), ..to(3) },
        Rule { recipients: patterns(&["bob@example.com"]), ..to(1) },
        Rule { recipients: patterns(&["spam@example.com"]), ..Rule::default() },
        Rule { recipients: patterns(&["*@example.com"]), ..for_recipient(2) },
    ]);
    for (value, targets, why) in [
        (
            "alice@example.com, bob@example.com",
            &[(0, ""), (1, "")][..],
            "routes 1, 3: Envelope-To: alice@example.com, Envelope-To: bob@example.com",
        ),
        (
            "alice@example.com, a@example.com",
            &[(0, "")],
            "route 1: Envelope-To: alice@example.com, Envelope-To: a@example.com",
        ),
        (
            "eve@example.com, eve@other.example, dan@example.com",
            &[(2, "eve@example.com"), (2, "dan@example.com")],
            "route 5: Envelope-To: eve@example.com, Envelope-To: dan@example.com",
        ),
        (
            "spam@example.com, bob@example.com",
            &[(1, "")],
            "routes 4, 3: Envelope-To: spam@example.com, Envelope-To: bob@example.com",
        ),
        ("spam@example.com, x@other.example", &[], "route 4: Envelope-To: spam@example.com"),
    ] {
        let decision = decide(&family, &format!("Envelope-To: {value}\n\n"));
        assert_eq!(told(&decision), (targets.to_vec(), why.to_owned()), "{value}");
    }
    // Who is in another field is not one of them.
    let header = "Envelope-To: alice@example.com\nDelivered-To: box@example.com\n\n";
    assert_eq!(told(&decide(&family, header)).0, [(0, "")]);
    let list = "Envelope-To: bob@example.com, eve@example.com\nList-Id: <news>\n\n";
    assert_eq!(told(&decide(&family, list)).0, [(3, "")], "the first rule that holds is about something else");
}

#[test]
fn the_matched_address_is_safe_for_an_envelope() {
    let whole = routes(vec![Rule { recipients: patterns(&["*"]), ..for_recipient(0) }]);
    for (value, recipient) in [
        ("Alice <Alice+x@example.com>", Some("Alice+x@example.com")),
        ("<alice@example.com> ORCPT=x", Some("alice@example.com")),
        ("alice@example.com>\r\n RCPT TO:<eve@example.com", Some("eve@example.com")),
        ("\"a b\"@example.com", None),
        ("a\u{e4}@example.com", None),
        ("<a b@example.com>", None),
    ] {
        let decision = decide(&whole, &format!("Delivered-To: {value}\n\n"));
        let expected = recipient.map_or((9, ""), |recipient| (0, recipient));
        assert_eq!(told(&decision).0, [expected], "{value}");
    }
}

#[test]
fn fields_are_compared_as_people_read_them() {
    let contains =
        |text: &str| routes(vec![Rule { headers: vec![test("subject", Pattern::containing(text))], ..to(0) }]);
    for (text, header, holds) in [
        ("invoice", "Subject: Your INVOICE 12", true),
        ("rechnung für", "Subject: =?utf-8?q?Rechnung_f=C3=BCr?= Alice", true),
        ("Über", "subject: =?iso-8859-1?b?3GJlcg==?=", true),
        ("a b", "Subject: a\n b", true),
        ("invoice", "Subject: your in voice", false),
        ("invoice", "X-Subject: invoice", false),
        ("invoice", "Subject: one\nSubject: invoice", true),
        ("x", "Subject: =?utf-8?q?never ends", false),
        ("x", "Subject: =?utf-8?x?x?=", true),
        ("x", "Subject:", false),
    ] {
        let is_taken = told(&decide(&contains(text), &format!("{header}\n\n"))).0 == [(0, "")];
        assert_eq!(is_taken, holds, "{text}: {header}");
    }
    let either = vec![test("From", Pattern::whole("*@shop.example>")), test("Sender", Pattern::whole("shop@*"))];
    let shop = routes(vec![Rule { headers: either, ..to(0) }]);
    let why = |header: &str| told(&decide(&shop, header)).1;
    assert_eq!(why("From: Shop <x@shop.example>\n\n"), "route 1: From: Shop <x@shop.example>");
    assert_eq!(why("From: x\nSender: shop@y\x1b\n\n"), "route 1: Sender: shop@y\\u{1b}");
    assert_eq!(why("From: x\n\n"), "no route takes it");
}

#[test]
fn a_list_is_known_by_its_identifier() {
    let list = routes(vec![Rule { list_ids: patterns(&["*.rust-lang.org", "news"]), ..to(0) }]);
    for (value, holds) in [
        ("The list <announce.lists.rust-lang.org>", true),
        ("<ANNOUNCE.Rust-Lang.org> (comment)", true),
        ("news", true),
        ("\"<x>\" <news>", true),
        ("announce.rust-lang.org <other>", false),
        ("<announce.rust-lang.org.example>", false),
        ("<", false),
        ("", false),
    ] {
        let is_taken = told(&decide(&list, &format!("List-Id: {value}\n\n"))).0 == [(0, "")];
        assert_eq!(is_taken, holds, "{value}");
    }
    assert_eq!(told(&decide(&list, "List-Id: a <news>\n\n")).1, "route 1: List-Id: news");
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let rule = Rule {
        recipients: patterns(&["alice@example.com"]),
        headers: vec![test("Subject", Pattern::containing("report"))],
        list_ids: patterns(&["reports"]),
        larger_than: Some(Octets(500)),
        smaller_than: Some(Octets(2000)),
        ..to(0)
    };
    let routes = routes(vec![rule]);
    let fields = ["Delivered-To: alice@example.com\n", "Subject: Report\n", "List-Id: <reports>\n"];
    let decision = decide(&routes, &(fields.concat() + "\n"));
    let why = "route 1: size 1000 B, Delivered-To: alice@example.com, Subject: Report, List-Id: reports";
    assert_eq!(told(&decision), (vec![(0, "")], why.to_owned()));
    for missing in fields {
        let header = fields.concat().replace(missing, "") + "\n";
        assert_eq!(told(&decide(&routes, &header)).0, [(9, "")], "{header}");
    }
    let header = Header::parse(fields.concat().as_bytes());
    for (size, holds) in [(None, false), (Some(500), false), (Some(501), true), (Some(1999), true), (Some(2000), false)]
    {
        let decision = routes.decide(&header, size.map(Octets));
        assert_eq!(told(&decision).0 == [(0, "")], holds, "{size:?}");
    }
}

#[test]
fn what_is_skipped_is_told_before_it_is_fetched() {
    let huge = || Rule { larger_than: Some(Octets(1000)), ..Rule::default() };
    let spam = || Rule { headers: vec![test("X-Spam", Pattern::whole("yes"))], ..Rule::default() };
    let alice = || Rule { recipients: patterns(&["alice@example.com"]), ..to(0) };
    let small = || Rule { smaller_than: Some(Octets(10)), ..to(0) };
    let because = |rule| Before::Skip(Why { rules: vec![rule], seen: vec!["size 2.0 KiB".to_owned()] });
    for (rules, size, before) in [
        (vec![], Some(2048), Before::Fetch),
        (vec![alice(), small()], Some(2048), Before::Fetch),
        (vec![huge(), alice()], Some(2048), because(1)),
        (vec![small(), huge()], Some(2048), because(2)),
        (vec![huge(), alice()], Some(1000), Before::Fetch),
        (vec![huge(), alice()], None, Before::Fetch),
        (vec![alice(), huge()], Some(2048), Before::AskHeader),
        (vec![alice(), huge()], Some(5), Before::Fetch),
        (vec![small(), spam()], Some(5), Before::Fetch),
        (vec![small(), spam()], Some(2048), Before::AskHeader),
        (vec![spam(), huge()], Some(2048), because(2)),
        (vec![spam(), alice(), huge()], Some(2048), Before::AskHeader),
        (vec![huge(), spam()], None, Before::AskHeader),
    ] {
        assert_eq!(routes(rules.clone()).before_fetch(size.map(Octets)), before, "{rules:?} {size:?}");
    }
    let both = routes(vec![alice(), spam()]);
    assert_eq!(decide(&both, "X-Spam: Yes\n\n").route, Route::Skip);
    assert_eq!(told(&decide(&both, "X-Spam: Yes\nDelivered-To: alice@example.com\n\n")).0, [(0, "")]);
}

/// I8. What a rule compares of a header is bounded, whatever the header holds.
#[test]
fn i8_no_header_takes_long() {
    let rules = vec![
        Rule { headers: vec![test("Subject", Pattern::whole("*a*b*c*"))], ..to(0) },
        Rule { list_ids: patterns(&["*<*>*"]), ..to(0) },
        Rule { recipients: patterns(&["*a*b@*"]), ..to(0) },
    ];
    let routes = routes(rules);
    for noise in ["=?utf-8?q?", "=?a?b?", "<", ">", "(", "\"", ",", "a@b,", "\\", "\u{e4}", "\u{80}"] {
        let long = noise.repeat(20_000);
        let header = format!("Subject: {long}\nList-Id: {long}\nDelivered-To: {long}\n\n");
        assert_eq!(told(&decide(&routes, &header)).0.len(), 1);
    }
}

/// Nothing that a message can hold ends the program.
#[test]
fn any_octets_are_decided() {
    use proptest::prelude::*;
    let rules = vec![
        Rule { headers: vec![test("a", Pattern::containing("=?"))], ..to(0) },
        Rule { list_ids: patterns(&["*"]), ..to(1) },
        Rule { recipients: patterns(&["*"]), ..for_recipient(2) },
    ];
    let routes = routes(rules);
    proptest!(|(value in proptest::collection::vec(any::<u8>(), 0..60), at in 0..3usize)| {
        let name: &[u8] = [&b"a: "[..], b"List-Id: ", b"Delivered-To: "][at];
        let header = Header::parse(&[name, &value, b"\n\n"].concat());
        let Route::Deliver(deliveries) = routes.decide(&header, None).route else { panic!("skipped") };
        for address in deliveries.iter().filter_map(|delivery| delivery.recipient.as_deref()) {
            prop_assert!(address.bytes().all(|b| b.is_ascii_graphic() && !b"<>,;:\"\\()".contains(&b)), "{address}");
        }
    });
}
