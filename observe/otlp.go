package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter delivers spans by OTLP over HTTP in its JSON encoding, which every collector takes (OpenTelemetry: OTLP
// Specification, JSON Protobuf Encoding). The SDK's own exporter speaks protobuf, and brings gRPC with it: a third of the
// program and seven megabytes of memory, for something that most operators leave off.
type exporter struct {
	address string
	header  http.Header
	client  *http.Client
}

// newExporter sends to a collector's base URL. OTEL_EXPORTER_OTLP_HEADERS adds headers, such as a collector's key
// ("name=value,name=value").
func newExporter(endpoint string) *exporter {
	e := &exporter{address: strings.TrimSuffix(endpoint, "/") + "/v1/traces", header: http.Header{}, client: &http.Client{Timeout: exportTimeout}}
	for pair := range strings.SplitSeq(os.Getenv("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			e.header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	e.header.Set("Content-Type", "application/json")
	return e
}

// ExportSpans implements [sdktrace.SpanExporter]. What a collector refuses is not sent again.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := json.Marshal(requestOf(spans))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = e.header.Clone()
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	// Read to its end, the connection serves the next delivery; what a collector says is of no use here.
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the collector answered %d", response.StatusCode)
	}
	return err
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// The JSON form of opentelemetry/proto/collector/trace/v1: ids in hex, 64-bit numbers as text.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resourceJSON `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resourceJSON struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scopeJSON  `json:"scope"`
		Spans []spanJSON `json:"spans"`
	}
	scopeJSON struct {
		Name string `json:"name"`
	}
	spanJSON struct {
		TraceID      string     `json:"traceId"`
		SpanID       string     `json:"spanId"`
		ParentSpanID string     `json:"parentSpanId,omitempty"`
		Name         string     `json:"name"`
		Kind         int        `json:"kind"`
		Start        string     `json:"startTimeUnixNano"`
		End          string     `json:"endTimeUnixNano"`
		Attributes   []keyValue `json:"attributes,omitempty"`
		Status       statusJSON `json:"status"`
	}
	statusJSON struct {
		Code int `json:"code,omitempty"`
	}
	keyValue struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
)

// requestOf is one delivery. All spans are of one process and one scope: ours.
func requestOf(spans []sdktrace.ReadOnlySpan) exportRequest {
	group := scopeSpans{Scope: scopeJSON{Name: spans[0].InstrumentationScope().Name}}
	for _, span := range spans {
		group.Spans = append(group.Spans, spanOf(span))
	}
	return exportRequest{ResourceSpans: []resourceSpans{{
		Resource: resourceJSON{Attributes: attributesOf(spans[0].Resource().Attributes())}, ScopeSpans: []scopeSpans{group},
	}}}
}

func spanOf(s sdktrace.ReadOnlySpan) spanJSON {
	j := spanJSON{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		Name: s.Name(), Kind: int(s.SpanKind()), Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()),
		Attributes: attributesOf(s.Attributes()),
	}
	if s.Parent().SpanID().IsValid() {
		j.ParentSpanID = s.Parent().SpanID().String()
	}
	if s.Status().Code == codes.Error {
		j.Status.Code = 2 // STATUS_CODE_ERROR; the API counts otherwise
	}
	return j
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// attributesOf writes texts, numbers and truth values; everything else, which we don't use, as text.
func attributesOf(list []attribute.KeyValue) []keyValue {
	pairs := make([]keyValue, len(list))
	for i, a := range list {
		value := map[string]any{}
		switch a.Value.Type() {
		case attribute.BOOL:
			value["boolValue"] = a.Value.AsBool()
		case attribute.INT64:
			value["intValue"] = strconv.FormatInt(a.Value.AsInt64(), 10)
		case attribute.FLOAT64:
			value["doubleValue"] = a.Value.AsFloat64()
		default:
			value["stringValue"] = a.Value.Emit()
		}
		pairs[i] = keyValue{Key: string(a.Key), Value: value}
	}
	return pairs
}
