//! Invented mail of all shapes, the same in every run.

/// A small generator of numbers (xorshift); quality does not matter, repetition does.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

/// Beginnings of lines that a careless client or server would change.
const TRAPS: [&[u8]; 8] = [b".", b"..", b".hidden", b"From here", b">From", b"-ERR no", b"+OK yes", b" ."];

/// So many messages of 1 kB to 5 MB as a server may store them: with LF or CRLF, with 8-bit octets, lone CRs, dotted lines,
/// lines of 1 MB, identical twins, without a body or a final line end.
pub(crate) fn messages(count: usize) -> Vec<Vec<u8>> {
    let mut numbers = Numbers(0x005e_ed0f_f37c_0ace);
    let mut messages: Vec<Vec<u8>> = Vec::with_capacity(count);
    for number in 0..count {
        let message = match number % 100 {
            50 => messages[number - 1].clone(),
            60 => header(number),
            70 => [header(number), b"\n".to_vec()].concat(),
            80 => [header(number), b"\n.\n".to_vec()].concat(),
            _ => text(number, octets_of(number, &mut numbers), &mut numbers),
        };
        messages.push(message);
    }
    messages
}

/// Mostly some kilobytes; few are large.
fn octets_of(number: usize, numbers: &mut Numbers) -> usize {
    match number {
        7 => 5_000_000,
        11 | 13 | 17 => 2_000_000,
        _ if number % 50 == 3 => 200_000 + numbers.below(200_000),
        _ => 1_000 + numbers.below(40_000),
    }
}

fn header(number: usize) -> Vec<u8> {
    format!(
        "Return-Path: <sender{number}@example.org>\nReceived: from mail.example.org by mx.example.com id {number:08};\n\
         \tMon, 02 Mar 2026 08:14:09 +0000\nFrom: Sender <sender{number}@example.org>\nTo: alice@example.com\n\
         Subject: message {number}\nDate: Mon, 02 Mar 2026 08:14:05 +0000\nMessage-ID: <{number}@example.org>\n"
    )
    .into_bytes()
}

fn text(number: usize, octets: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut message = header(number);
    message.push(b'\n');
    let long_line = matches!(number, 11 | 13 | 203 | 403);
    while message.len() < octets {
        if numbers.below(6) == 0 {
            message.extend_from_slice(TRAPS[numbers.below(TRAPS.len())]);
        }
        let length = if long_line { octets / 2 } else { numbers.below(78) };
        for _ in 0..length {
            let letter = b' ' + u8::try_from(numbers.below(95)).unwrap();
            let octet = if number % 10 == 2 { letter | 0x80 } else { letter };
            message.push(octet);
        }
        if number % 10 == 4 && numbers.below(9) == 0 {
            message.extend_from_slice(b"\ra lone CR");
        }
        message.push(b'\n');
    }
    match number % 10 {
        6 => message.extend_from_slice(b"no line end"),
        8 => message = with_crlf(&message),
        _ => {}
    }
    message
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    text.split_inclusive(|octet| *octet == b'\n').flat_map(|line| [&line[..line.len() - 1], b"\r\n"].concat()).collect()
}

/// What POP3 makes of a stored message, in stored form: LF line ends, a final one included.
pub(crate) fn as_served(message: &[u8]) -> Vec<u8> {
    let mut served = super::stored(message);
    if !served.ends_with(b"\n") {
        served.push(b'\n');
    }
    served
}
