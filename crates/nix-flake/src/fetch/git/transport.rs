//! Git's smart protocol over HTTP (gitprotocol-http(5)), through the program's own web client.
//!
//! Git's library writes a request's body, then reads the answer's headers and body. The request is made when the first of
//! these is read: by then the body is complete.

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::rc::Rc;

use download::{Exchange, Question};
use gix::protocol::transport::client::blocking_io::http::{
    GetResponse, Http, PostBodyDataKind, PostResponse, Transport,
};
use gix_transport::Protocol;

use super::super::Fetcher;
use crate::error::Error;

/// What speaks git over the web.
pub(super) struct WebTransport<'f> {
    inner: Transport<Web<'f>>,
}

impl<'f> WebTransport<'f> {
    pub(super) fn new(fetcher: &'f Fetcher, url: gix::Url, version: Protocol) -> Result<Self, Error> {
        let address = url::Url::parse(&url.to_bstring().to_string()).ok();
        let authorization = match address {
            Some(address) => fetcher.basic_authorization(&address)?,
            None => None,
        };
        let web = Web { exchange: fetcher.web()?, authorization };
        Ok(WebTransport { inner: Transport::new_http(web, url, version, false) })
    }

    pub(super) fn into_inner(self) -> Transport<Web<'f>> {
        self.inner
    }
}

/// The web client, as git's library wants it.
pub(super) struct Web<'f> {
    exchange: &'f Exchange,
    authorization: Option<(String, String)>,
}

/// A request that is made when its answer is asked for.
struct Pending<'f> {
    exchange: &'f Exchange,
    question: Option<Question>,
    headers: Cursor<Vec<u8>>,
    body: Option<download::Answer<'f>>,
}

impl Pending<'_> {
    fn answer(&mut self) -> io::Result<()> {
        let Some(question) = self.question.take() else { return Ok(()) };
        let answer = self.exchange.ask(&question).map_err(io::Error::other)?;
        let answer = answer.successful().map_err(|error| match error {
            download::Error::Status { code: 401 | 403, .. } => {
                io::Error::new(io::ErrorKind::PermissionDenied, error)
            }
            other => io::Error::other(other),
        })?;
        let mut headers = Vec::new();
        for (name, value) in answer.headers() {
            headers.extend_from_slice(format!("{name}: {value}\n").as_bytes());
        }
        self.headers = Cursor::new(headers);
        self.body = Some(answer);
        Ok(())
    }
}

type Shared<'f> = Rc<RefCell<Pending<'f>>>;

/// Takes the request's body in.
pub(super) struct RequestBody<'f>(Shared<'f>);

impl Write for RequestBody<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = self.0.borrow_mut();
        let question = pending.question.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        question.body.get_or_insert_with(Vec::new).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answer's headers or its body, in pieces.
pub(super) struct AnswerPart<'f> {
    pending: Shared<'f>,
    is_body: bool,
    piece: Vec<u8>,
    read: usize,
}

impl Read for AnswerPart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for AnswerPart<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read == self.piece.len() {
            let mut pending = self.pending.borrow_mut();
            pending.answer()?;
            self.piece.resize(64 << 10, 0);
            let count = match (self.is_body, &mut pending.body) {
                (true, Some(body)) => body.read(&mut self.piece)?,
                (true, None) => 0,
                (false, _) => pending.headers.read(&mut self.piece)?,
            };
            self.piece.truncate(count);
            self.read = 0;
        }
        Ok(&self.piece[self.read..])
    }

    fn consume(&mut self, count: usize) {
        self.read = (self.read + count).min(self.piece.len());
    }
}

impl<'f> Web<'f> {
    fn pending(
        &self,
        url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        body: Option<Vec<u8>>,
    ) -> gix::Result<Shared<'f>> {
        let url = url::Url::parse(url).map_err(gix::Error::from_error)?;
        let mut headers: Vec<(String, String)> = headers
            .into_iter()
            .filter_map(|line| {
                line.as_ref().split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()))
            })
            .collect();
        headers.extend(self.authorization.clone());
        let question = Some(Question { url, headers, body });
        let exchange = self.exchange;
        Ok(Rc::new(RefCell::new(Pending { exchange, question, headers: Cursor::default(), body: None })))
    }
}

fn part<'f>(pending: &Shared<'f>, is_body: bool) -> AnswerPart<'f> {
    AnswerPart { pending: Rc::clone(pending), is_body, piece: Vec::new(), read: 0 }
}

impl<'f> Http for Web<'f> {
    type Headers = AnswerPart<'f>;
    type ResponseBody = AnswerPart<'f>;
    type PostBody = RequestBody<'f>;

    fn get(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Self::Headers, Self::ResponseBody>> {
        let pending = self.pending(url, headers, None)?;
        Ok(GetResponse { headers: part(&pending, false), body: part(&pending, true) })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let pending = self.pending(url, headers, Some(Vec::new()))?;
        Ok(PostResponse {
            post_body: RequestBody(Rc::clone(&pending)),
            headers: part(&pending, false),
            body: part(&pending, true),
        })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::Result<()> {
        Ok(())
    }
}
