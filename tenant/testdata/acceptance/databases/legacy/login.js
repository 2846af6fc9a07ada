function login(email, password, callback) {
  var people = [{"identifier":"ann@example.test","password":"Passw0rd!x.a","profile":{"email":"Ann@Example.test","user_id":"7","n":"\"\\/   😀 #x: - @@"}}];
  var found = people.filter(function (person) { return person.identifier === String(email).toLowerCase() && person.password === password; })[0];
  if (!found) return callback(new WrongUsernameOrPasswordError(email));
  callback(null, found.profile);
}
