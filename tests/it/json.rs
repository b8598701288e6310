//! What scripts read: one object a line, in step with what happened.
//!
//! That every field is documented is tested beside the code (`report::json`).

use fetchonce::demo::{BadMessage, Event, Faults, MessageFault};
use serde_json::Value;

use crate::support::home::{Home, PASSWORD, Ran, account, ran, refused_port};

fn records(ran: &Ran) -> Vec<Value> {
    let records: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = records.last().unwrap_or_else(|| panic!("no output: {ran:?}"));
    assert_eq!((&end["type"], end["exit_code"].as_i64()), (&"end".into(), ran.code.map(i64::from)), "{ran:?}");
    records
}

fn types(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["type"].as_str().unwrap()).collect()
}

#[test]
fn a_fetch_tells_each_step_and_its_sum() {
    let home = Home::new();
    let ran = home.run(&["fetch", "--json"]);
    let told = records(&ran);
    let mut expected = vec!["listed", "planned"];
    expected.extend(["delivered"; 7]);
    expected.extend(["summary", "end"]);
    assert_eq!((types(&told), ran.err.as_str()), (expected, ""), "{ran:?}");
    let octets: i64 = told[2..9].iter().map(|record| record["octets"].as_i64().unwrap()).sum();
    let summary = &told[9];
    assert_eq!((&summary["delivered"], &summary["octets"]), (&7.into(), &octets.into()));
    assert_eq!(octets, Home::all_samples().iter().map(|sample| i64::try_from(sample.len()).unwrap()).sum::<i64>());

    let again = records(&home.run(&["--json"]));
    assert_eq!(types(&again), ["listed", "planned", "summary", "end"]);
    assert_eq!((&again[2]["seen"], &again[2]["delivered"]), (&7.into(), &0.into()));
}

#[test]
fn problems_and_errors_are_objects_and_stay_words_for_people() {
    let home = Home::with_faults(|connection| {
        let fault = if connection == 0 { MessageFault::RetrRefused } else { MessageFault::RetrCut };
        Faults { bad_message: Some(BadMessage { uid: b"demo-0004".to_vec(), fault }), ..Faults::default() }
    });
    let broken = account("broken", refused_port());
    home.configure(&format!("{}{broken}", home.account("work")));
    let ran = home.run(&["--json", "--jobs", "1"]);
    assert_eq!(ran.code, Some(69));
    let told = records(&ran);
    let of = |kind: &str| told.iter().filter(|record| record["type"] == kind).collect::<Vec<_>>();
    let problem = of("problem")[0];
    assert_eq!((&problem["problem"], &problem["uid"]), (&"retr_refused".into(), &"demo-0004".into()));
    assert_eq!((&problem["account"], &problem["exit_code"]), (&"work".into(), &69.into()));
    let error = of("error")[0];
    assert_eq!((&error["account"], &error["exit_code"]), (&"broken".into(), &69.into()));
    assert_eq!(error["state"], "nothing fetched; nothing deleted on the server");
    assert_eq!((of("summary").len(), of("error").len()), (2, 1));
    assert!(ran.err.contains("error: work: the server refused to send message demo-0004"), "{ran:?}");
    assert!(ran.err.contains("error: broken: no connection to 127.0.0.1"), "{ran:?}");

    let cut = records(&home.run(&["--json", "work"]));
    let error = cut.iter().find(|record| record["type"] == "error").unwrap();
    assert_eq!(error["what"], "connection closed during RETR 4");
    assert_eq!(error["state"], "0 of 1 delivered and recorded; nothing deleted on the server");
}

#[test]
fn what_ends_a_command_before_its_accounts_is_an_object_too() {
    let home = Home::new();
    home.configure(&home.account("work").replace("port =", "prot ="));
    let told = records(&home.run(&["--json"]));
    assert_eq!(types(&told), ["error", "end"]);
    assert_eq!((&told[0]["account"], &told[0]["exit_code"]), (&Value::Null, &78.into()));
    assert_eq!(told[0]["hint"], "did you mean `port`?");
    assert_eq!(types(&records(&home.run(&["status", "--json"]))), ["error", "end"]);
}

#[test]
fn a_list_tells_what_would_become_of_each_message() {
    let home = Home::new();
    home.configure(&format!("{}keep = \"14 days\"\n", home.account("work")));
    home.run(&[]).is_fine_and_silent();
    home.maildrop.lock().unwrap().add(b"Subject: new\n\nnew\n");
    let before = home.snapshot();
    let text = home.run(&["list"]);
    assert_eq!((text.code, text.out.lines().count()), (Some(0), 8), "{text:?}");
    let first = text.out.lines().next().unwrap();
    assert!(first.starts_with("work  delivered  leave   ") && first.contains("  demo-0001  due 20"), "{text:?}");
    assert!(text.out.lines().last().unwrap().starts_with("work  new        fetch   "), "{text:?}");

    let told = records(&home.run(&["list", "--json"]));
    let messages: Vec<&Value> = told.iter().filter(|record| record["type"] == "message").collect();
    assert_eq!(messages.len(), 8);
    assert_eq!((&messages[0]["uid"], &messages[0]["state"]), (&"demo-0001".into(), &"delivered".into()));
    let seconds = messages[0]["due_at"].as_i64().unwrap() - messages[0]["delivered_at"].as_i64().unwrap();
    // The age counts from the beginning of the run, which may be a second earlier on a busy machine.
    assert_eq!(((seconds + 43_200) / 86_400, &messages[0]["action"]), (14, &"leave".into()));
    assert_eq!((&messages[7]["action"], &messages[7]["due_at"]), (&"fetch".into(), &Value::Null));
    assert_eq!(home.snapshot(), before);
    assert_eq!(home.retrieved(), 7);
    assert!(!home.listener.log().iter().any(|logged| matches!(logged.event, Event::Dele(_))));
}

#[test]
fn a_list_needs_neither_a_configuration_nor_a_target() {
    let home = Home::new();
    let url = format!("pop3://alice@127.0.0.1:{}", home.listener.port());
    let words = ["list", &url, "--tls", "none"];
    let ran = ran(home.command().args(words).env("FETCHONCE_PASSWORD", PASSWORD));
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 7), "{ran:?}");
    assert!(ran.out.starts_with("alice@127.0.0.1  new        fetch "), "{ran:?}");
    home.run(&["list", "work", "--keep", "none"]).failed(2, &["belong to a URL"]);
    home.run(&["list", "work", &url]).failed(2, &["a URL stands alone"]);
}

#[test]
fn status_tells_counts_and_what_is_due_on_which_day() {
    let home = Home::new();
    home.configure(&format!("{}{}keep = \"2 days\"\n", home.account("new"), home.account("work")));
    home.run(&["work"]).is_fine_and_silent();
    let told = records(&home.run(&["status", "--json"]));
    assert_eq!(types(&told), ["status", "status", "end"]);
    assert_eq!((&told[0]["account"], &told[0]["last_run"]), (&"new".into(), &Value::Null));
    let work = &told[1];
    assert_eq!((&work["delivered"], &work["on_server"], &work["running"]), (&7.into(), &7.into(), &false.into()));
    assert_eq!((&work["last_run"]["exit_code"], &work["configured"]), (&0.into(), &true.into()));
    assert_eq!((&work["due_now"], &work["due"][0]["messages"]), (&0.into(), &7.into()));
    assert_eq!((work["runs"].as_array().unwrap().len(), work["alarms"].as_array().unwrap().len()), (1, 0));
    let day = work["due"][0]["day"].as_str().unwrap();
    let text = home.run(&["status", "work"]);
    assert!(text.out.ends_with(&format!("      deletions: 7 on {day}\n")), "{text:?}");
}

/// A reader that is too slow for a pipe that does not wait: what did not get out is not followed by `end`.
#[test]
fn output_that_was_cut_off_has_no_end() {
    let home = Home::new();
    for _ in 0..600 {
        home.maildrop.lock().unwrap().add(b"Subject: one of many\n\nx\n");
    }
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut command = home.std_command();
    command.args(["--config", "config.toml", "list", "--json"]).stdout(writer).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    assert_eq!(child.wait().unwrap().code(), Some(74));
    let mut written = String::new();
    std::io::Read::read_to_string(&mut reader, &mut written).unwrap();
    assert!(written.len() > 30_000 && !written.contains(r#""type":"end""#), "{} octets", written.len());
}

/// A script that stops reading, or a full disk behind stdout, keeps no mail from being delivered.
#[test]
fn output_that_cannot_be_written_disturbs_nothing() {
    let home = Home::new();
    let command = home.command();
    let mut full = std::process::Command::new(command.get_program());
    full.args(["--config", "config.toml", "--json"]).env_clear().env("HOME", home.folder.path());
    full.current_dir(home.folder.path()).stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let output = full.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{err}");
    assert!(err.contains("error: cannot write to standard output\n  caused by: No space left"), "{err}");
    assert_eq!(home.mail("Mail-work"), Home::all_samples());
}
