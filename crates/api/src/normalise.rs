//! The request-line normaliser (FS-BASE-4). Documented calls carry raw `"`, `<` and `>` in their query, which the
//! `http` crate refuses before any handler runs. This reader sits between the socket and hyper and writes those bytes
//! of the request target in their percent-encoded form.
//!
//! What always holds: outside the request target every byte reaches hyper as it came, in order; the reader never
//! decides what a request is. To find the next request line it follows the framing of the bodies, in the strictest
//! reading; whatever is ambiguous (two lengths, a length beside chunks, an unknown coding, CONNECT) is replaced by a
//! line that hyper refuses, and whatever it does not understand passes untouched until the connection ends, for
//! hyper to refuse. So the two can never disagree to a caller's profit.

use bytes::{Buf, BytesMut};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Headers a request may have; hyper is given the same bound.
pub const MAX_HEADERS: usize = 100;
/// Bytes a request's head may have before it is normalised; a longer one passes through for hyper to refuse (431).
pub const MAX_HEAD: usize = 32 * 1024;
/// Bytes of a chunk's size line or of all trailers.
const MAX_LINE: usize = 8 * 1024;
/// What hyper sees in place of an ambiguous head: no method starts with a NUL, so it answers 400 and closes.
const REFUSED: &[u8] = b"\0\r\n\r\n";

/// Where in the stream of requests the next byte falls.
#[derive(Debug)]
enum State {
    /// In a request's head; `seen` of the buffered bytes have been searched for its end.
    Head { seen: usize },
    /// In a body with so many bytes to go.
    Body { left: u64 },
    /// In a chunked body.
    Chunked(Chunk),
    /// Past the point of understanding: everything passes.
    Raw,
    /// An ambiguous head was replaced: nothing passes any more.
    Refused,
}

/// Where in a chunked body.
#[derive(Debug, Clone, Copy)]
enum Chunk {
    /// In the size's digits; `digits` of them so far.
    Size { size: u64, digits: u8 },
    /// After the digits, before the line's CR.
    Extension { size: u64, length: usize },
    /// After the line's CR.
    SizeEnd { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// After the data, before its CR.
    DataCr,
    /// After the data's CR.
    DataLf,
    /// In the trailers; `line` bytes in this line, `length` in all.
    Trailer { line: usize, length: usize, cr: bool },
}

/// The state machine, free of I/O.
#[derive(Debug)]
pub struct Normaliser {
    state: State,
    head: Vec<u8>,
}

impl Default for Normaliser {
    fn default() -> Normaliser {
        Normaliser::new()
    }
}

impl Normaliser {
    /// At the start of a connection.
    pub fn new() -> Normaliser {
        Normaliser { state: State::Head { seen: 0 }, head: Vec::new() }
    }

    /// Takes what came from the socket and appends to `out` what hyper may see of it now.
    pub fn feed(&mut self, mut input: &[u8], out: &mut BytesMut) {
        while !input.is_empty() {
            match &mut self.state {
                State::Head { .. } => input = self.feed_head(input, out),
                State::Body { left } => {
                    let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                    out.extend_from_slice(&input[..take]);
                    input = &input[take..];
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::Head { seen: 0 };
                    }
                }
                State::Chunked(chunk) => {
                    let (taken, next) = chunk.advance(input);
                    out.extend_from_slice(&input[..taken]);
                    input = &input[taken..];
                    self.state = next;
                }
                State::Raw => {
                    out.extend_from_slice(input);
                    return;
                }
                State::Refused => return,
            }
        }
    }

    /// The socket is at its end: what is left of an unfinished head goes to hyper, which knows what to say.
    pub fn finish(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(&self.head);
        self.head.clear();
    }

    /// A head has begun and is not complete.
    fn in_head(&self) -> bool {
        !self.head.is_empty()
    }

    /// A body is under way.
    fn in_body(&self) -> bool {
        matches!(self.state, State::Body { .. } | State::Chunked(_))
    }

    /// Buffers until the head is complete, then writes it out with its target encoded. Gives back what follows it.
    fn feed_head<'a>(&mut self, input: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        let State::Head { seen } = &mut self.state else { return input };
        let from = *seen;
        let before = self.head.len();
        // The limit is on the head, not on what was pipelined behind it.
        let room = (MAX_HEAD + 1).saturating_sub(before).min(input.len());
        self.head.extend_from_slice(&input[..room]);
        let Some(end) = blank_line(&self.head, from) else {
            *seen = self.head.len().saturating_sub(3);
            if self.head.len() > MAX_HEAD {
                return self.raw(&input[room..], out);
            }
            return &input[room..];
        };
        let used = end.saturating_sub(before).min(room);
        self.head.truncate(end);
        let rest = &input[used..];
        match read_head(&self.head) {
            // Blank lines before the request line: hyper skips them too.
            Head::Partial if self.head.iter().all(|b| matches!(b, b'\r' | b'\n')) => {
                out.extend_from_slice(&self.head);
                self.head.clear();
                self.state = State::Head { seen: 0 };
                rest
            }
            Head::Partial => self.raw(rest, out),
            Head::Foreign => self.raw(rest, out),
            Head::Ambiguous => {
                out.extend_from_slice(REFUSED);
                self.head.clear();
                self.state = State::Refused;
                &[]
            }
            Head::Complete { target, next } => {
                encode(&self.head, target, out);
                self.head.clear();
                self.state = next;
                rest
            }
        }
    }

    /// Gives up: what is buffered and all that follows passes as it is.
    fn raw<'a>(&mut self, rest: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        out.extend_from_slice(&self.head);
        self.head = Vec::new();
        self.state = State::Raw;
        rest
    }
}

/// One past the first blank line that ends at or after `from`, as httparse sees blank lines (bare LF too).
fn blank_line(bytes: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    for (i, b) in bytes.iter().enumerate().skip(from) {
        if *b != b'\n' {
            continue;
        }
        match bytes.get(i + 1) {
            Some(b'\n') => return Some(i + 2),
            Some(b'\r') if bytes.get(i + 2) == Some(&b'\n') => return Some(i + 3),
            _ => {}
        }
    }
    None
}

/// What the buffered bytes are.
enum Head {
    /// Nothing but blank lines so far.
    Partial,
    /// Not a request that we understand.
    Foreign,
    /// A request whose end cannot be told for certain.
    Ambiguous,
    /// A request; the characters of its target, and what follows the head.
    Complete { target: std::ops::Range<usize>, next: State },
}

fn read_head(bytes: &[u8]) -> Head {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(httparse::Status::Partial) => return Head::Partial,
        Ok(httparse::Status::Complete(_)) | Err(_) => return Head::Foreign,
    }
    let (Some(path), Some(method), Some(version)) = (request.path, request.method, request.version) else {
        return Head::Foreign;
    };
    if method == "CONNECT" {
        return Head::Ambiguous;
    }
    let start = path.as_ptr() as usize - bytes.as_ptr() as usize;
    match framing(request.headers, version) {
        Some(next) => Head::Complete { target: start..start + path.len(), next },
        None => Head::Ambiguous,
    }
}

/// What follows a head with these headers; `None` where two readers could disagree.
fn framing(headers: &[httparse::Header<'_>], version: u8) -> Option<State> {
    let mut length = None;
    let mut chunked = false;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            if length.is_some() || header.value.is_empty() || !header.value.iter().all(u8::is_ascii_digit) {
                return None;
            }
            length = Some(std::str::from_utf8(header.value).ok()?.parse::<u64>().ok()?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || version == 0 || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            chunked = true;
        }
    }
    match (length, chunked) {
        (Some(_), true) => None,
        (None, true) => Some(State::Chunked(Chunk::Size { size: 0, digits: 0 })),
        (Some(0) | None, false) => Some(State::Head { seen: 0 }),
        (Some(left), false) => Some(State::Body { left }),
    }
}

/// The head with the bytes of its target that hyper refuses in their percent-encoded form.
fn encode(head: &[u8], target: std::ops::Range<usize>, out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&head[..target.start]);
    for b in &head[target.clone()] {
        match b {
            b'"' | b'<' | b'>' | b'`' | 0x80..=0xff => {
                out.extend_from_slice(&[b'%', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
            }
            _ => out.extend_from_slice(&[*b]),
        }
    }
    out.extend_from_slice(&head[target.end..]);
}

impl Chunk {
    /// Takes some of `input`; says how much, and where that leads. The grammar is hyper's own; what it refuses makes
    /// the rest raw, so that hyper sees the very bytes it refuses.
    fn advance(self, input: &[u8]) -> (usize, State) {
        if let Chunk::Data { left } = self {
            let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
            let left = left - take as u64;
            let next = if left == 0 { Chunk::DataCr } else { Chunk::Data { left } };
            return (take, State::Chunked(next));
        }
        let next = match (self, input[0]) {
            (Chunk::Size { size, digits }, b) if b.is_ascii_hexdigit() => {
                let digit = u64::from((b as char).to_digit(16).unwrap_or(0));
                if digits == 15 {
                    return (1, State::Raw);
                }
                Chunk::Size { size: size * 16 + digit, digits: digits + 1 }
            }
            (Chunk::Size { size, digits: 1.. }, b'\r') => Chunk::SizeEnd { size },
            (Chunk::Size { size, digits: 1.. }, b' ' | b'\t' | b';') => Chunk::Extension { size, length: 1 },
            (Chunk::Extension { size, .. }, b'\r') => Chunk::SizeEnd { size },
            (Chunk::Extension { size, length }, b) if b != b'\n' && length < MAX_LINE => {
                Chunk::Extension { size, length: length + 1 }
            }
            (Chunk::SizeEnd { size: 0 }, b'\n') => Chunk::Trailer { line: 0, length: 0, cr: false },
            (Chunk::SizeEnd { size }, b'\n') => Chunk::Data { left: size },
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => Chunk::Size { size: 0, digits: 0 },
            (Chunk::Trailer { line: 0, cr: true, .. }, b'\n') => return (1, State::Head { seen: 0 }),
            (Chunk::Trailer { length, cr: true, .. }, b'\n') => Chunk::Trailer { line: 0, length, cr: false },
            (Chunk::Trailer { line, length, cr: false }, b'\r') => Chunk::Trailer { line, length, cr: true },
            (Chunk::Trailer { line, length, cr: false }, b) if b != b'\n' && length < MAX_LINE => {
                Chunk::Trailer { line: line + 1, length: length + 1, cr: false }
            }
            _ => return (1, State::Raw),
        };
        (1, State::Chunked(next))
    }
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From a head's first byte to its last.
    pub head: Duration,
    /// Between two bytes of a body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { head: Duration::from_secs(10), body: Duration::from_secs(30) }
    }
}

/// A socket whose reading side is normalised and does not wait for ever.
pub struct Normalised<S> {
    socket: S,
    normaliser: Normaliser,
    ready: BytesMut,
    ended: bool,
    patience: Patience,
    timer: Option<Pin<Box<Sleep>>>,
    head_began: Option<Instant>,
}

impl<S> Normalised<S> {
    /// Wraps a fresh connection.
    pub fn new(socket: S, patience: Patience) -> Normalised<S> {
        Normalised {
            socket,
            normaliser: Normaliser::new(),
            ready: BytesMut::new(),
            ended: false,
            patience,
            timer: None,
            head_began: None,
        }
    }

    /// When the client's time is up, if it owes us bytes.
    fn deadline(&mut self, now: Instant) -> Option<Instant> {
        if self.normaliser.in_head() {
            let began = *self.head_began.get_or_insert(now);
            return Some(began + self.patience.head);
        }
        self.head_began = None;
        self.normaliser.in_body().then(|| now + self.patience.body)
    }

    /// Nothing came: arms the timer, or finds that it has rung.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends too slowly"))),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Bytes came: the timer starts again, or goes.
    fn rearm(&mut self) {
        let deadline = self.deadline(Instant::now());
        match (&mut self.timer, deadline) {
            (Some(timer), Some(deadline)) => timer.as_mut().reset(deadline),
            (None, Some(deadline)) => self.timer = Some(Box::pin(sleep_until(deadline))),
            (_, None) => self.timer = None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Normalised<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                let take = this.ready.len().min(buf.remaining());
                buf.put_slice(&this.ready[..take]);
                this.ready.advance(take);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let mut space = [0u8; 8 * 1024];
            let mut chunk = ReadBuf::new(&mut space);
            match Pin::new(&mut this.socket).poll_read(cx, &mut chunk) {
                Poll::Pending => return this.poll_patience(cx),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => {
                    this.ended = true;
                    this.normaliser.finish(&mut this.ready);
                }
                Poll::Ready(Ok(())) => {
                    this.normaliser.feed(chunk.filled(), &mut this.ready);
                    this.rearm();
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Normalised<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds the input whole and tells what hyper sees.
    fn normalised(pieces: &[&[u8]]) -> Vec<u8> {
        let mut normaliser = Normaliser::new();
        let mut out = BytesMut::new();
        for piece in pieces {
            normaliser.feed(piece, &mut out);
        }
        normaliser.finish(&mut out);
        out.to_vec()
    }

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&normalised(&[input.as_bytes()])), expected);
        let single: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        assert_eq!(String::from_utf8_lossy(&normalised(&single)), expected, "one byte at a time");
    }

    #[test]
    fn raw_quotes_and_brackets_in_the_query_are_encoded() {
        check(
            "GET /connectionSpecs?property=name==\"amazon-s3\" HTTP/1.1\r\nHost: \"a<b>\"\r\n\r\n",
            "GET /connectionSpecs?property=name==%22amazon-s3%22 HTTP/1.1\r\nHost: \"a<b>\"\r\n\r\n",
        );
        check("GET /runs?property=a>1<2 HTTP/1.1\n\n", "GET /runs?property=a%3E1%3C2 HTTP/1.1\n\n");
    }

    #[test]
    fn raw_utf8_in_the_target_is_encoded() {
        check("GET /f?name=파섹 HTTP/1.1\r\n\r\n", "GET /f?name=%ED%8C%8C%EC%84%B9 HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn encoded_targets_stay_as_they_are() {
        let request = "GET /a%2Fb?property=name==%22x%22&y=[1]{2} HTTP/1.1\r\n\r\n";
        check(request, request);
    }

    #[test]
    fn bodies_pass_untouched_and_the_next_request_is_found_behind_them() {
        check(
            "POST /a?\" HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET \"GET /b?\" HTTP/1.1\r\n\r\n",
            "POST /a?%22 HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET \"GET /b?%22 HTTP/1.1\r\n\r\n",
        );
    }

    #[test]
    fn chunked_bodies_with_extensions_and_trailers_pass_untouched() {
        let body = "1;x=\"y\"\r\n\"\r\n0b \r\nGET /\" <>\r\n\r\n0\r\nT: \"x\"\r\n\r\n";
        check(
            &format!("POST /? HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET /b?\" HTTP/1.1\r\n\r\n"),
            &format!("POST /? HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET /b?%22 HTTP/1.1\r\n\r\n"),
        );
    }

    #[test]
    fn blank_lines_before_a_request_are_skipped() {
        check("\r\n\r\n\nGET /?\" HTTP/1.1\r\n\r\n", "\r\n\r\n\nGET /?%22 HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn ambiguous_framing_is_replaced_by_a_line_that_is_refused() {
        let refused = "\0\r\n\r\n";
        let smuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n";
        check(
            &format!("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"),
            refused,
        );
        check(&format!("POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n{smuggled}"), refused);
        check(&format!("POST / HTTP/1.1\r\nContent-Length: +4\r\n\r\n{smuggled}"), refused);
        check(&format!("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n{smuggled}"), refused);
        check(&format!("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{smuggled}"), refused);
        check(&format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"), refused);
        check("CONNECT a:1 HTTP/1.1\r\n\r\n\"", refused);
    }

    #[test]
    fn what_is_no_request_passes_for_hyper_to_refuse() {
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /\" ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /\" ");
        check("GET / HTTP/1.1\r\nHost", "GET / HTTP/1.1\r\nHost");
    }

    #[test]
    fn a_head_over_the_limit_passes_raw_without_growing_the_buffer() {
        let mut normaliser = Normaliser::new();
        let mut out = BytesMut::new();
        normaliser.feed(b"GET /?\" HTTP/1.1\r\nX: ", &mut out);
        for _ in 0..100 {
            normaliser.feed(&[b'x'; 1024], &mut out);
            assert!(normaliser.head.len() <= MAX_HEAD + 1);
        }
        assert!(out.starts_with(b"GET /?\" HTTP/1.1\r\nX: xxx"));
        assert_eq!(out.len(), 21 + 100 * 1024);
    }

    /// One request with a raw target and a body full of traps, and what hyper is to see of it.
    fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let target = "[a-z/?=\"<>&]{0,20}";
        let body = proptest::collection::vec(any::<u8>(), 0..40);
        (target, body, 0..3u8, proptest::collection::vec(1..7usize, 0..8)).prop_map(|(target, body, kind, sizes)| {
            let encoded = target.replace('"', "%22").replace('<', "%3C").replace('>', "%3E");
            let mut tail = Vec::new();
            match kind {
                0 => tail.extend_from_slice(b"\r\n"),
                1 => {
                    tail.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                    tail.extend_from_slice(&body);
                }
                _ => {
                    tail.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    let mut rest = &body[..];
                    for size in sizes {
                        let (chunk, after) = rest.split_at(size.min(rest.len()));
                        if !chunk.is_empty() {
                            tail.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                            tail.extend_from_slice(chunk);
                            tail.extend_from_slice(b"\r\n");
                        }
                        rest = after;
                    }
                    tail.extend_from_slice(b"0\r\n\r\n");
                }
            }
            let line = |target: &str| format!("POST /{target} HTTP/1.1\r\nHost: \"h\"\r\n").into_bytes();
            ([line(&target), tail.clone()].concat(), [line(&encoded), tail].concat())
        })
    }

    proptest! {
        #[test]
        fn pipelined_requests_are_normalised_wherever_the_reads_are_cut(
            requests in proptest::collection::vec(request(), 1..5),
            cuts in proptest::collection::vec(1..30usize, 1..40),
        ) {
            let input: Vec<u8> = requests.iter().flat_map(|(raw, _)| raw.clone()).collect();
            let expected: Vec<u8> = requests.iter().flat_map(|(_, seen)| seen.clone()).collect();
            let mut pieces = Vec::new();
            let mut rest = &input[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(normalised(&pieces), expected);
        }

        #[test]
        fn any_bytes_at_all_give_the_same_whole_or_in_pieces(input in proptest::collection::vec(any::<u8>(), 0..300), cut in 1..50usize) {
            let pieces: Vec<&[u8]> = input.chunks(cut).collect();
            prop_assert_eq!(normalised(&[&input]), normalised(&pieces));
        }
    }
}
