//go:build machines

package lab

import "net/http"

// serveBucket serves the objects of the region's bucket to instances that sign their requests.
func (l *Lab) serveBucket(w http.ResponseWriter, r *http.Request) {
	one, _, err := l.EC2.verifyCaller(r, "s3")
	if err != nil {
		l.T.Errorf("bucket: %v", err)
		http.Error(w, "<Error><Code>SignatureDoesNotMatch</Code></Error>", http.StatusForbidden)
		return
	}
	l.recordRequest(one.id, "s3", r.Method, r.URL.Path)
	object, found := l.objects[r.URL.Path]
	if !found || r.Method != http.MethodGet {
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
		return
	}
	http.ServeFile(w, r, object)
}
