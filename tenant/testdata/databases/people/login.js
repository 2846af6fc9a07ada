// A line of comment may speak of ##ANYTHING##.
function login(email, password, callback) {
  callback(null, { user_id: "##LEGACY_PREFIX##" + email, email: email });
}
