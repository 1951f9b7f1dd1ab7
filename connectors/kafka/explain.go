package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/seed-843b225c/reflex/engine"
)

func fatal(err error) error     { return &engine.Error{Kind: engine.Fatal, Err: err} }
func temporary(err error) error { return &engine.Error{Kind: engine.Temporary, Err: err} }

// cause is what an error code means for a person, and what it asks for.
type cause struct {
	code kafkago.Error
	kind engine.ErrorKind
	text string
}

var causes = []cause{
	{kafkago.SASLAuthenticationFailed, engine.Fatal, "the broker does not accept the login: check sasl.user, sasl.password and sasl.mechanism"},
	{kafkago.UnsupportedSASLMechanism, engine.Fatal, "the broker does not offer this sasl.mechanism"},
	{kafkago.IllegalSASLState, engine.Fatal, "the broker does not expect a login on this port: leave sasl out or use the port that has SASL"},
	{kafkago.TopicAuthorizationFailed, engine.Fatal, "no permission for this topic: grant Read and Describe on inputs, Write and Describe on outputs"},
	{kafkago.GroupAuthorizationFailed, engine.Fatal, "no permission for this consumer group: grant Read on it"},
	{kafkago.ClusterAuthorizationFailed, engine.Fatal, "no permission for this on the cluster: grant it, or let an administrator do it"},
	{kafkago.UnknownTopicOrPartition, engine.Fatal, "the topic does not exist: create it, `reflex setup kafka` does"},
	{kafkago.InvalidTopic, engine.Fatal, "the broker does not take this as a topic's name"},
	{kafkago.InconsistentGroupProtocol, engine.Fatal, "the group is in use by other software: choose another group"},
	{kafkago.InvalidSessionTimeout, engine.Fatal, "the broker does not allow this session_timeout: see its group.min.session.timeout.ms and group.max.session.timeout.ms"},
	{kafkago.UnsupportedVersion, engine.Fatal, "the broker does not know this request: Kafka 1.0 or newer is needed"},
	{kafkago.MessageSizeTooLarge, engine.BadInput, "the record is larger than the topic's max.message.bytes"},
	{kafkago.InvalidMessage, engine.BadInput, "the broker refuses the record: a compacted topic takes none without a key"},
}

// explain says in one line what was done to what, what is wrong and what to
// do, with the kind that decides who has to act. A context's end stays itself.
func explain(what string, err error) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if code, ok := errors.AsType[kafkago.Error](err); ok {
		for _, c := range causes {
			if c.code == code {
				return &engine.Error{Kind: c.kind, Err: fmt.Errorf("%s: %s (%s)", what, c.text, code.Title())}
			}
		}
		title := code.Title()
		if title == "" { // the library is older than this error
			title = fmt.Sprintf("error code %d", int(code))
		}
		return temporary(fmt.Errorf("%s: the broker answers %s: it is tried again", what, title))
	}
	if text := explainTLS(err); text != "" {
		return fatal(fmt.Errorf("%s: %s", what, text))
	}
	return temporary(fmt.Errorf("%s: %s", what, explainNetwork(err)))
}

// explainTLS gives "" for what has nothing to do with certificates.
func explainTLS(err error) string {
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the broker's certificate is for another name (%s): set tls.server_name or use that name in brokers", strings.Join(e.Certificate.DNSNames, ", "))
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return fmt.Sprintf("the broker's certificate is not valid: %s", e.Error())
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the broker's certificate is signed by an authority that is not trusted: name its certificate in tls.ca"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the broker does not speak TLS on this port: leave tls out or use the port that has it"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return fmt.Sprintf("the broker refuses our side of TLS (%s): check tls.cert and tls.key", alert.Error())
	}
	if text := err.Error(); strings.Contains(text, "remote error: tls:") { // its type is private to crypto/tls
		return "the broker refuses our side of TLS (" + text[strings.Index(text, "remote error: tls:")+len("remote error: tls: "):] + "): check tls.cert and tls.key"
	}
	return ""
}

func explainNetwork(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("the name %s cannot be resolved: check brokers and the name server", e.Name)
	}
	ne, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), isNet && ne.Timeout():
		return "no answer in time: is the broker up, and may this machine reach it?"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the broker closed the connection: it restarts, or one side speaks TLS (tls) or wants a login (sasl) and the other does not"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if op.Op == "dial" {
			return fmt.Sprintf("cannot be reached (%s): is the broker up, and is the address right?", op.Err)
		}
		return fmt.Sprintf("the connection broke (%s): it is tried again", op.Err)
	}
	return err.Error()
}
