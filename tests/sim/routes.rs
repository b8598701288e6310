//! Rules: what one skips is neither delivered nor deleted, and everything else is delivered exactly once, whatever fails where.

use fetchonce::demo::Faults;
use fetchonce::model::Target;
use fetchonce::policy::Keep;
use fetchonce::route::{Action, Choice, HeaderTest, Pattern, Routes, Rule};

use crate::explore::{Crashes, Explorer, maildrop};
use crate::history::Scenario;
use crate::world::MAILDIR;

/// The second message is skipped; the others go to the only target, by a rule or by none.
fn second_is_skipped() -> Routes {
    let subject = |number: &str| HeaderTest { name: "Subject".to_owned(), pattern: Pattern::whole(number) };
    let deliver = Action::Deliver(vec![Choice { target: 0, wants_recipient: false }]);
    let rules = vec![
        Rule { headers: vec![subject("0")], action: deliver, ..Rule::default() },
        Rule { headers: vec![subject("1")], ..Rule::default() },
    ];
    Routes::new(rules, vec![0], Vec::new())
}

/// I2, I3, I4: with TOP it is never downloaded; without, it waits in the held Maildir, also where the server deletes what
/// was downloaded.
#[test]
fn what_a_rule_skips_is_neither_delivered_nor_deleted() {
    let mut histories = 0;
    for keep in [Keep::Forever, Keep::None] {
        let mail = maildrop(2, false);
        let mut scenario = Scenario::new(keep, &mail);
        scenario.targets = vec![Target::maildir(MAILDIR)];
        (scenario.routes, scenario.skipped) = (second_is_skipped(), 1);
        scenario.expected.retain(|message| !message.starts_with(b"Subject: 1\n"));
        for no_top in [false, true] {
            scenario.server = Faults { no_top, delete_on_retr_quit: no_top, ..Faults::default() };
            let fault = scenario.server.clone();
            let mut explorer = Explorer::new(&scenario);
            let result = explorer.explore(&mail, &fault, Crashes::One);
            assert_eq!(result, Ok(()), "{keep:?}, no TOP: {no_top}");
            histories += explorer.histories;
        }
    }
    assert!(histories > 500, "{histories} histories");
}
