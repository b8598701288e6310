//! A manual page of headings, paragraphs, items and examples, as roff(7) with the macros of man(7).

use roff::{Inline, Roff, bold, roman};

/// A page that grows.
pub(super) struct Page {
    roff: Roff,
    /// Whether nothing stands below the last heading: a paragraph needs no space above it then.
    is_below_heading: bool,
}

impl Page {
    pub(super) fn new(name: &str, section: &str, manual: &str) -> Self {
        let mut roff = Roff::new();
        let program = concat!("fetchonce ", env!("CARGO_PKG_VERSION"));
        roff.control("TH", [name, section, super::DATE, program, manual]);
        // Words are neither cut nor moved apart: many are to be typed.
        roff.control("nh", []).control("ad", ["l"]);
        Self { roff, is_below_heading: false }
    }

    pub(super) fn section(&mut self, title: &str) {
        self.roff.control("SH", [title]);
        self.is_below_heading = true;
    }

    pub(super) fn subsection(&mut self, title: &str) {
        self.roff.control("SS", [title]);
        self.is_below_heading = true;
    }

    /// A paragraph, or several with empty lines between them.
    pub(super) fn paragraph(&mut self, text: &str) {
        for text in text.split("\n\n") {
            self.begin_paragraph();
            self.roff.text(marked(text));
        }
    }

    /// Lines that are not filled, one below the other.
    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = Vec<Inline>>) {
        self.begin_paragraph();
        for (number, line) in lines.into_iter().enumerate() {
            if number > 0 {
                self.roff.control("br", []);
            }
            self.roff.text(line);
        }
    }

    /// A term, and what it is.
    pub(super) fn item(&mut self, term: Vec<Inline>, text: &str) {
        self.roff.control("TP", []).text(term);
        for (number, text) in text.split("\n\n").enumerate() {
            if number > 0 {
                self.roff.control("IP", []);
            }
            self.roff.text(marked(text));
        }
        self.is_below_heading = false;
    }

    pub(super) fn bullet(&mut self, text: &str) {
        self.roff.control("IP", ["\\(bu", "2"]).text(marked(text));
        self.is_below_heading = false;
    }

    /// Text that stands as it is.
    pub(super) fn example(&mut self, text: &str) {
        self.begin_paragraph();
        self.roff.control("RS", ["4"]).control("EX", []);
        for line in text.lines() {
            self.roff.text([roman(line)]);
        }
        self.roff.control("EE", []).control("RE", []);
    }

    fn begin_paragraph(&mut self) {
        if !std::mem::take(&mut self.is_below_heading) {
            self.roff.control("PP", []);
        }
    }

    /// The whole page. A bare tilde is an accent to some formatters.
    pub(super) fn text(&self) -> String {
        self.roff.render().replace('~', r"\(ti")
    }
}

/// Text with the code that stands in backticks in bold, and with a line for each sentence.
pub(super) fn marked(text: &str) -> Vec<Inline> {
    let part = |(number, part): (usize, &str)| {
        if number % 2 == 1 { bold(part) } else { roman(part.replace(". ", ".\n")) }
    };
    text.split('`').enumerate().filter(|(_, part)| !part.is_empty()).map(part).collect()
}

/// A phrase as a sentence.
pub(super) fn sentence(phrase: &str) -> String {
    let (first, rest) = phrase.split_at(phrase.chars().next().map_or(0, char::len_utf8));
    let end = if phrase.ends_with('.') { "" } else { "." };
    format!("{}{rest}{end}", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_bold_and_text_stays_text() {
        let mut page = Page::new("X", "1", "Manual");
        page.section("A");
        page.paragraph("`.x -y` is ~/z. 'Next' one \\n.");
        page.item(vec![bold("--x")], ".begin\n\nand more");
        page.paragraph("End");
        let text = page.text();
        let (_, body) = text.split_once(".SH A\n").unwrap();
        let paragraph = "\\fB.x \\-y\\fR is \\(ti/z.\n\\*(AqNext\\*(Aq one \\\\n.\n";
        let item = ".TP\n\\fB\\-\\-x\\fR\n\\&.begin\n.IP\nand more\n.PP\nEnd\n";
        assert_eq!(body, [paragraph, item].concat(), "{text}");
    }

    #[test]
    fn a_phrase_becomes_a_sentence() {
        assert_eq!(sentence("print it"), "Print it.");
        assert_eq!(sentence("Print it."), "Print it.");
        assert_eq!(sentence(""), ".");
    }
}
