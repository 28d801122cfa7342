//! One worker: its process, its lines, its end.
use crate::{
    javascript,
    protocol::{Answer, Call, Greeting, VERSION},
};
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

/// The longest line of a worker.
const LONGEST_ANSWER: u64 = 64 << 20;
/// How long a worker may take to greet: a Java machine on a busy host takes its time.
const START: Duration = Duration::from_secs(30);

/// What a worker is.
#[derive(Clone, Debug)]
pub enum Program {
    /// A program, started with nothing but `PATH` in its environment.
    Process { path: PathBuf, args: Vec<String> },
    /// JavaScript in a thread of this process: for tests, where the program that could be started again is a test. It
    /// can't be killed.
    Thread { memory: usize },
}

/// A worker that has greeted and waits for a call.
pub(crate) struct Worker {
    input: Box<dyn AsyncWrite + Send + Unpin>,
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    /// Killed when dropped.
    _process: Option<Child>,
}

impl Worker {
    /// Starts a worker and waits for its greeting.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub async fn start(program: &Program) -> Result<Worker, String> {
        let mut worker = match program {
            Program::Process { path, args } => Worker::process(path, args)?,
            Program::Thread { memory } => Worker::thread(*memory)?,
        };
        let greeted = tokio::time::timeout(START, worker.line()).await;
        let line = greeted
            .map_err(|_| "it didn't greet".to_owned())?
            .map_err(|error| format!("it ended before it greeted: {error}"))?;
        let greeting: Greeting =
            serde_json::from_str(&line).map_err(|error| format!("its greeting can't be read: {error}"))?;
        if greeting.version != VERSION {
            return Err(format!("it speaks version {}, not {VERSION}", greeting.version));
        }
        Ok(worker)
    }

    fn process(path: &PathBuf, args: &[String]) -> Result<Worker, String> {
        let mut process = Command::new(path)
            .args(args)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} can't be started: {error}", path.display()))?;
        let (Some(input), Some(output), Some(errors)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err("it has no standard input or output".to_owned());
        };
        tokio::spawn(async move {
            let mut lines = BufReader::new(errors).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::warn!(line, "script host");
            }
        });
        Ok(Worker {
            input: Box::new(input),
            output: BufReader::new(Box::new(output)),
            _process: Some(process),
        })
    }

    fn thread(memory: usize) -> Result<Worker, String> {
        let told = |error: std::io::Error| error.to_string();
        let (calls, input) = std::io::pipe().map_err(told)?;
        let (output, answers) = std::io::pipe().map_err(told)?;
        std::thread::Builder::new()
            .name("script".to_owned())
            .stack_size(javascript::THREAD_STACK)
            .spawn(move || javascript::serve(std::io::BufReader::new(calls), answers, memory))
            .map_err(told)?;
        let input = tokio::net::unix::pipe::Sender::from_owned_fd(input.into()).map_err(told)?;
        let output = tokio::net::unix::pipe::Receiver::from_owned_fd(output.into()).map_err(told)?;
        Ok(Worker {
            input: Box::new(input),
            output: BufReader::new(Box::new(output)),
            _process: None,
        })
    }

    /// Has a script run. After an error the worker is of no use.
    pub async fn call(&mut self, call: &Call) -> std::io::Result<Answer> {
        let mut line = serde_json::to_vec(call)?;
        line.push(b'\n');
        self.input.write_all(&line).await?;
        self.input.flush().await?;
        let answer: Answer = serde_json::from_str(&self.line().await?)?;
        match answer.id == call.id {
            true => Ok(answer),
            false => Err(std::io::Error::other("it answered another call")),
        }
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        let mut limited = (&mut self.output).take(LONGEST_ANSWER);
        limited.read_line(&mut line).await?;
        match line.ends_with('\n') {
            true => Ok(line),
            false => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
