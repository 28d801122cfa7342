//! `mail-send`, as the mail connector of Camunda's community has it: from, to, cc, bcc, subject, text and html, over SMTP.
//! Tasks of type `mail` are sent by it too.
use super::http::text;
use bpmn_core::{ask::Connector, value::Variables};
use clap::{Args, ValueEnum};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::authentication::Credentials,
};
use service::Secret;
use std::time::Duration;

/// Options of outgoing mail.
#[derive(Args, Clone, Debug)]
pub struct MailOptions {
    /// SMTP server that mails are given to; without it mail connectors fail when they are reached
    #[arg(long, value_name = "HOST")]
    pub smtp_host: Option<String>,
    /// Its port; the default follows from --smtp-tls
    #[arg(long, value_name = "PORT")]
    pub smtp_port: Option<u16>,
    /// How the connection is secured
    #[arg(long, value_name = "WAY", default_value = "starttls")]
    pub smtp_tls: SmtpTls,
    /// User at the SMTP server
    #[arg(long, value_name = "USER")]
    pub smtp_user: Option<String>,
    /// File with that user's password
    #[arg(long, value_name = "FILE")]
    pub smtp_password_file: Option<std::path::PathBuf>,
    /// Sender of mails that name none
    #[arg(long, value_name = "ADDRESS")]
    pub smtp_from: Option<String>,
    /// How long sending a mail may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = service::duration)]
    pub smtp_timeout: Duration,
}

/// How a connection to an SMTP server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// By STARTTLS, which the server must offer.
    Starttls,
    /// From the beginning.
    Tls,
}

impl Default for MailOptions {
    fn default() -> MailOptions {
        MailOptions {
            smtp_host: None,
            smtp_port: None,
            smtp_tls: SmtpTls::Starttls,
            smtp_user: None,
            smtp_password_file: None,
            smtp_from: None,
            smtp_timeout: Duration::from_secs(30),
        }
    }
}

/// Sends mails.
#[derive(Debug)]
pub struct Mail {
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Option<String>,
    timeout: Duration,
}

impl Mail {
    /// # Errors
    /// The password can't be read, or TLS can't be set up.
    pub fn new(options: &MailOptions) -> Result<Mail, String> {
        let transport = match &options.smtp_host {
            Some(host) => Some(transport(options, host)?),
            None => None,
        };
        Ok(Mail {
            transport,
            from: options.smtp_from.clone(),
            timeout: options.smtp_timeout,
        })
    }

    /// Whether there is a server to give mails to.
    pub fn is_there(&self) -> bool {
        self.transport.is_some()
    }

    /// Sends a mail; it has no outputs.
    ///
    /// # Errors
    /// What is wrong with it, or that the server didn't take it.
    pub async fn send(&self, connector: &Connector) -> Result<Variables, String> {
        let failed = |why: String| format!("Failed to send a mail: {why}");
        let missing = || failed("no SMTP server is named: --smtp-host".to_owned());
        let transport = self.transport.as_ref().ok_or_else(missing)?;
        let message = message(&connector.inputs, self.from.as_deref()).map_err(failed)?;
        match tokio::time::timeout(self.timeout, transport.send(message)).await {
            Ok(Ok(_)) => Ok(Variables::new()),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!(
                "no answer within {} ms",
                self.timeout.as_millis()
            ))),
        }
    }
}

fn transport(options: &MailOptions, host: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let told = |error: lettre::transport::smtp::Error| error.to_string();
    let builder = match options.smtp_tls {
        SmtpTls::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host),
        SmtpTls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host).map_err(told)?,
        SmtpTls::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host).map_err(told)?,
    };
    let builder = match options.smtp_port {
        Some(port) => builder.port(port),
        None => builder,
    };
    let password = Secret::resolve("smtp-password", None, options.smtp_password_file.as_deref());
    let builder = match (&options.smtp_user, password.map_err(|error| error.to_string())?) {
        (Some(user), Some(password)) => {
            builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()))
        }
        _ => builder,
    };
    Ok(builder.timeout(Some(options.smtp_timeout)).build())
}

fn message(inputs: &Variables, default_from: Option<&str>) -> Result<Message, String> {
    let input = |name: &str| text(inputs.iter().find(|(n, _)| n == name).map(|(_, value)| value));
    let address = |text: &str| {
        let parsed: Result<Mailbox, _> = text.trim().parse();
        parsed.map_err(|error| format!("'{text}': {error}"))
    };
    let from = input("from")?.or_else(|| default_from.map(str::to_owned));
    let mut from = address(&from.ok_or("no sender is given ('from', or --smtp-from)")?)?;
    if let Some(alias) = input("fromAlias")? {
        from.name = Some(alias);
    }
    let mut builder = Message::builder()
        .from(from)
        .subject(input("subject")?.unwrap_or_default());
    let mut receivers = 0;
    for (name, field) in [("to", 0), ("cc", 1), ("bcc", 2)] {
        let list = input(name)?.unwrap_or_default();
        for receiver in list.split(',').filter(|receiver| !receiver.trim().is_empty()) {
            let receiver = address(receiver)?;
            receivers += 1;
            builder = match field {
                0 => builder.to(receiver),
                1 => builder.cc(receiver),
                _ => builder.bcc(receiver),
            };
        }
    }
    if receivers == 0 {
        return Err("no receiver is given ('to')".to_owned());
    }
    let built = match (input("text")?, input("html")?) {
        (Some(text), Some(html)) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
        (None, Some(html)) => {
            let part = SinglePart::builder().header(ContentType::TEXT_HTML).body(html);
            builder.singlepart(part)
        }
        (text, None) => {
            let part = SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .body(text.unwrap_or_default());
            builder.singlepart(part)
        }
    };
    built.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bpmn_core::value::TypedValue;

    #[test]
    fn a_mail_has_what_the_model_gives() {
        let inputs = |pairs: &[(&str, &str)]| -> Variables {
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), TypedValue::String((*text).to_owned())))
                .collect()
        };
        let given = inputs(&[
            ("to", "a@example.org, B <b@example.org>"),
            ("cc", "c@example.org"),
            ("subject", "Order"),
            ("text", "Hello"),
            ("html", "<b>Hello</b>"),
        ]);
        let mail = message(&given, Some("shop@example.org")).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        for part in [
            "From: shop@example.org",
            "Subject: Order",
            "Cc: c@example.org",
            "<b>Hello</b>",
            "text/plain",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(mail.envelope().to().len(), 3);
        assert!(message(&given, None).unwrap_err().contains("--smtp-from"));
        assert!(
            message(&inputs(&[("from", "a@b.c")]), None)
                .unwrap_err()
                .contains("'to'")
        );
    }
}
