package rest

import (
	"encoding/json"
	"net/http"
	"net/url"

	"google.golang.org/grpc/status"
)

// CheckChange refuses a PATCH that names no field, neither in its body nor in a mask. Both have been checked by themselves.
func (route *Route) CheckChange(query string, body []byte) *status.Status {
	if route.Method != http.MethodPatch {
		return nil
	}
	var named map[string]json.RawMessage
	given, err := url.ParseQuery(query)
	if err != nil || given.Has("update_mask") || json.Unmarshal(body, &named) != nil || len(named) > 0 {
		return nil
	}
	return Invalid("body", "The body changes nothing: name at least one field.")
}
