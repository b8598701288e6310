//! Invented mail for the demonstration.

use std::fmt::Write as _;

/// Seven messages with LF line ends: plain mail, lines that begin with dots, raw ISO 8859-1 octets, an empty body, quoted
/// `From ` lines, a multipart, and one of about 40 kB.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    vec![
        WELCOME.as_bytes().to_vec(),
        DOTS.as_bytes().to_vec(),
        EIGHT_BIT.to_vec(),
        EMPTY_BODY.as_bytes().to_vec(),
        FROM_LINES.as_bytes().to_vec(),
        MULTIPART.as_bytes().to_vec(),
        observations().into_bytes(),
    ]
}

const WELCOME: &str = "\
Return-Path: <mira@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.25])
\tby mx.example.com with ESMTPS id 4qT7xK2Lz1;
\tMon, 02 Mar 2026 08:14:09 +0000
From: Mira Castellan <mira@example.org>
To: Alice Example <alice@example.com>
Subject: The boathouse key
Date: Mon, 02 Mar 2026 09:14:05 +0100
Message-ID: <boathouse-key.1@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Dear Alice,

the key hangs behind the blue door again. Please bring the long rope
when you come on Thursday.

Mira
";

const DOTS: &str = "\
Return-Path: <jonas@example.com>
Received: from desk.example.com (desk.example.com [192.0.2.41])
\tby mx.example.com with ESMTPSA id 4qT8bR5Wn3;
\tMon, 02 Mar 2026 17:40:31 +0000
From: Jonas Weidner <jonas@example.com>
To: Alice Example <alice@example.com>
Subject: .profile and friends
Date: Mon, 02 Mar 2026 17:40:30 +0000
Message-ID: <dot-files.7@example.com>

.profile
..
.
...these four lines begin with dots, and must arrive with all of them.
.
";

const EIGHT_BIT: &[u8] = b"\
Return-Path: <renee@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.25])
\tby mx.example.com with ESMTPS id 4qT9cM8Qv6;
\tTue, 03 Mar 2026 11:02:47 +0000
From: Renee Dubois <renee@example.org>
To: Alice Example <alice@example.com>
Subject: Menu
Date: Tue, 03 Mar 2026 12:02:44 +0100
Message-ID: <menu.3@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

Ch\xe8re Alice,

entr\xe9e, p\xe2t\xe9, cr\xe8me br\xfbl\xe9e: 24 \xa4 par t\xeate, caf\xe9 compris.

Ren\xe9e
";

const EMPTY_BODY: &str = "\
Return-Path: <mira@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.25])
\tby mx.example.com with ESMTPS id 4qTBfX1Jd9;
\tTue, 03 Mar 2026 20:15:00 +0000
From: Mira Castellan <mira@example.org>
To: Alice Example <alice@example.com>
Subject: Thursday at seven, then (nothing more)
Date: Tue, 03 Mar 2026 21:14:58 +0100
Message-ID: <thursday.2@example.org>

";

const FROM_LINES: &str = "\
Return-Path: <archive@example.com>
Received: from lists.example.com (lists.example.com [192.0.2.77])
\tby mx.example.com with ESMTP id 4qTCh04Ks2;
\tWed, 04 Mar 2026 06:00:12 +0000
From: Letter archive <archive@example.com>
To: letters@example.com
Subject: From the archive
Date: Wed, 04 Mar 2026 06:00:10 +0000
Message-ID: <letters.118@example.com>
List-Id: Old letters <letters.example.com>

From the harbour we saw the lights of the town go out one by one.
>From here on the letter is in another hand:

From now on write to me at the old address.
";

const MULTIPART: &str = "\
Return-Path: <jonas@example.com>
Received: from desk.example.com (desk.example.com [192.0.2.41])
\tby mx.example.com with ESMTPSA id 4qTDk77Zp5;
\tWed, 04 Mar 2026 13:27:55 +0000
From: Jonas Weidner <jonas@example.com>
To: Alice Example <alice@example.com>
Cc: Mira Castellan <mira@example.org>
Subject: =?utf-8?Q?Zeitplan_f=C3=BCr_Donnerstag?=
Date: Wed, 04 Mar 2026 13:27:54 +0000
Message-ID: <plan.9@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"=-plan-9\"

--=-plan-9
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Anbei der Plan. Gr=C3=BC=C3=9Fe, Jonas

--=-plan-9
Content-Type: text/csv; name=\"plan.csv\"
Content-Disposition: attachment; filename=\"plan.csv\"

time,what
18:30,rope
19:00,boathouse

--=-plan-9--
";

/// A generated report of about 40 kB.
fn observations() -> String {
    let mut mail = String::from(
        "\
Return-Path: <station@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.25])
\tby mx.example.com with ESMTPS id 4qTFs93Hb8;
\tThu, 05 Mar 2026 00:05:03 +0000
From: Weather station <station@example.org>
To: Alice Example <alice@example.com>
Subject: Observations of the day
Date: Thu, 05 Mar 2026 01:05:00 +0100
Message-ID: <observations.2026-03-04@example.org>

",
    );
    for minute in (0..24 * 60).step_by(2) {
        let (tenths, pressure, degrees) = (20 + minute * 37 % 91, 9_980 + minute * 13 % 57, minute * 7 % 360);
        let _ = writeln!(
            mail,
            "{:02}:{:02}  {:>2}.{} C  {}.{} hPa  wind from {degrees:>3} degrees, dry",
            minute / 60,
            minute % 60,
            tenths / 10,
            tenths % 10,
            pressure / 10,
            pressure % 10,
        );
    }
    mail
}
